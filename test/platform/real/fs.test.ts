/** What only the real files can show: modes, links, and mounts that hang. */
import { execFileSync } from 'node:child_process';
import fs, {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RealFs } from '../../../src/platform/real/fs.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { RealRandom } from '../../../src/platform/real/random.ts';

function temporary(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), 'postern-real-fs-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

void t.test('what it makes is nobody else’s to read', async (t) => {
  const root = temporary(t);
  const { fs } = realPlatform();
  await fs.makeDirectory(join(root, 'a/b'));
  await (await fs.createExclusive(join(root, 'a/b/log'))).close();
  await fs.replace(join(root, 'a/b/derived'), Buffer.from('x'));
  t.equal(statSync(join(root, 'a')).mode & 0o777, 0o700);
  t.equal(statSync(join(root, 'a/b')).mode & 0o777, 0o700);
  t.equal(statSync(join(root, 'a/b/log')).mode & 0o777, 0o600);
  t.equal(statSync(join(root, 'a/b/derived')).mode & 0o777, 0o600);
});

void t.test('a directory that is there already is made durable too', async (t) => {
  const root = temporary(t);
  const synced: string[] = [];
  const { fsync } = fs;
  t.teardown(() => {
    fs.fsync = fsync;
  });
  // What each descriptor stands for, while it is open.
  fs.fsync = Object.assign((fd: number, done: fs.NoParamCallback) => {
    synced.push(fs.readlinkSync(`/proc/self/fd/${fd}`));
    fsync(fd, done);
  }, fsync);
  const files = realPlatform().fs;
  await files.makeDirectory(join(root, 'a/b'));
  t.strictSame(synced.splice(0).sort(), [root, join(root, 'a')]);
  // Who made it may have died before it had synced the parent.
  await files.makeDirectory(join(root, 'a/b'));
  t.strictSame(synced, [join(root, 'a')]);
});

void t.test('removing a tree never follows a link out of it', async (t) => {
  const root = temporary(t);
  const { fs } = realPlatform();
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside/precious'), 'x');
  mkdirSync(join(root, 'tree'));
  symlinkSync(join(root, 'outside'), join(root, 'tree/link'));
  await fs.removeTree(join(root, 'tree'));
  t.same(await fs.list(root), ['outside']);
  symlinkSync(join(root, 'outside'), join(root, 'link'));
  await fs.removeTree(join(root, 'link'));
  t.same(await fs.list(root), ['outside'], 'nor when it is itself the link');
  t.same(await fs.list(join(root, 'outside')), ['precious']);
});

void t.test('a mount that hangs holds its own calls and no others', async (t) => {
  const root = temporary(t);
  mkdirSync(join(root, 'dead'));
  mkdirSync(join(root, 'alive'));
  writeFileSync(join(root, 'alive/file'), 'works');
  // Opening a pipe for reading hangs in the kernel until somebody opens it for writing: as a dead mount does.
  const pipe = join(root, 'dead/pipe');
  execFileSync('mkfifo', [pipe]);
  const fs = new RealFs({ random: new RealRandom(), mounts: [join(root, 'dead')], callsInFlightMax: 2 });
  const hanging = Array.from({ length: 6 }, () => fs.open(pipe));
  for (let i = 0; i < 5; i++) {
    const reader = await fs.open(join(root, 'alive/file'));
    t.equal(String(await reader.read(0, 10)), 'works');
    await reader.close();
  }
  // Opened for both, a pipe never hangs, and whoever waits for a writer goes on.
  const writer = openSync(pipe, constants.O_RDWR);
  const readers = await Promise.all(hanging);
  await Promise.all(readers.map((reader) => reader.close()));
  closeSync(writer);
});

void t.test('the heartbeat is read past all that waits', async (t) => {
  const root = temporary(t);
  const control = join(root, '.cluster/control');
  mkdirSync(control, { recursive: true });
  writeFileSync(join(control, 'heartbeat.1.data'), 'alive');
  const pipe = join(root, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const files = new RealFs({ random: new RealRandom(), mounts: [root], callsInFlightMax: 4 });
  const hanging = Array.from({ length: 5 }, () => files.open(pipe));
  const reader = await files.open(join(control, 'heartbeat.1.data'));
  t.equal(String(await reader.read(0, 10)), 'alive');
  await reader.close();
  const writer = openSync(pipe, constants.O_RDWR);
  const readers = await Promise.all(hanging);
  await Promise.all(readers.map((each) => each.close()));
  closeSync(writer);
});

void t.test('more waiting calls than allowed are refused', async (t) => {
  const root = temporary(t);
  const fs = new RealFs({ random: new RealRandom(), callsInFlightMax: 1, callsWaitingMax: 1 });
  const results = await Promise.allSettled([fs.list(root), fs.list(root), fs.list(root)]);
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  t.match((results[2] as PromiseRejectedResult).reason, { code: 'EAGAIN' });
});

void t.test('close waits for the reads in flight', async (t) => {
  const root = temporary(t);
  const { fs } = realPlatform();
  writeFileSync(join(root, 'file'), Buffer.alloc(2_000_000, 5));
  const reader = await fs.open(join(root, 'file'));
  const reads = [reader.read(0, 2_000_000), reader.read(1_000_000, 2_000_000), reader.size()] as const;
  await reader.close();
  const [whole, half, size] = await Promise.all(reads);
  t.same([whole.length, half.length, size], [2_000_000, 1_000_000, 2_000_000]);
});

void t.test('a path that is not absolute is our own mistake', async (t) => {
  await t.rejects(realPlatform().fs.list('relative'), TypeError);
});

void t.test('the platform is whole', async (t) => {
  const { random, clock } = realPlatform();
  t.equal(random.bytes(16).length, 16);
  t.notSame(random.bytes(16), random.bytes(16));
  for (let i = 0; i < 50; i++) t.ok(random.below(3) >= 0 && random.below(3) < 3);
  t.ok(clock.monotonicMs() >= 0);
});

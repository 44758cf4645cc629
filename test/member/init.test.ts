/** The first start: storage, postmaster, and that it happens once. On the real file system, as it is about its calls. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createHeartbeat, encodeHeartbeat } from '../../src/cluster/control/heartbeat-file.ts';
import { makeRequest } from '../../src/cluster/security/authority.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { administratorKey } from '../../src/login/authenticator.ts';
import { checkPassword } from '../../src/login/credentials.ts';
import { ProcessHasher } from '../../src/login/hasher.ts';
import { isAtRest } from '../../src/member/at-rest.ts';
import { initialise, PASSWORD_FILE } from '../../src/member/init.ts';
import { loadSecurity, readSecurityFiles } from '../../src/member/security-files.ts';
import {
  admitStorage,
  makeStorage,
  memberPlatform,
  rememberClusterId,
  settingsOpener,
  storageRoot,
} from '../../src/member/storage.ts';
import { epochOf, type Incarnation } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

async function fresh(t: Test): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'postern-init-'));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  return base;
}

/** The credentials of postmaster, as the next controller reads them. */
async function postmasterOf(base: string): Promise<Buffer | undefined> {
  const lease = {
    incarnation: 'f'.repeat(32) as Incarnation,
    epoch: epochOf(1000, 0),
    held: () => true,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: () => undefined,
  };
  const open = settingsOpener(memberPlatform(base, 8), storageRoot(base), false, noLogger);
  const settings = await open(lease);
  const value = settings.snapshot().values.find(([key]) => key === administratorKey('postmaster'))?.[1];
  await settings.close();
  return value ?? undefined;
}

void t.test('makes storage and postmaster once; the password shown is the one that works', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  const first = await initialise(platform, where);
  t.equal(first.changed, true);
  t.match(first.password, /^[\w-]{20}$/);
  t.same(await initialise(platform, where), { changed: false, password: undefined });
  using hasher = new ProcessHasher();
  t.equal(await checkPassword(hasher, await postmasterOf(base), first.password ?? ''), true);
  t.match(await admitStorage(platform, base), /^[0-9a-f]{32}$/);
});

void t.test('the password given by a file is not printed; an empty file is refused', async (t) => {
  const base = await fresh(t);
  await mkdir(join(base, 'Settings'));
  await writeFile(join(base, PASSWORD_FILE), '\n');
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  await t.rejects(initialise(platform, where), { code: 'invalid', message: /Postmaster\.password/ });
  await writeFile(join(base, PASSWORD_FILE), 'correct horse\nbattery\n');
  t.same(await initialise(platform, where), { changed: true, password: undefined });
  using hasher = new ProcessHasher();
  t.equal(await checkPassword(hasher, await postmasterOf(base), 'correct horse'), true);
});

void t.test('a storage that is not mounted, or another cluster’s, is refused with one line', async (t) => {
  const [base, other] = [await fresh(t), await fresh(t)];
  const platform = memberPlatform(base, 8);
  await t.rejects(admitStorage(platform, base), {
    code: 'refused',
    message: /not mounted.*postern init --Base/,
  });
  await initialise(platform, { base: other, root: storageRoot(other), logger: noLogger, password: 'x' });
  await initialise(platform, { base, root: storageRoot(base), logger: noLogger, password: 'x' });
  await rememberClusterId(base, await admitStorage(memberPlatform(other, 8), other));
  await t.rejects(admitStorage(platform, base), { code: 'refused', message: /another cluster's storage/ });
});

void t.test('a first start that was cut short is begun again', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  await makeStorage(platform, where.root);
  // Control was taken, and nothing came of it: a file without a heartbeat.
  await (await createHeartbeat(platform.fs, where.root, 1)).close();
  const { changed, password } = await initialise(platform, where);
  t.equal(changed, true);
  t.match(password, /^[\w-]{20}$/, 'there is a postmaster now');
  using hasher = new ProcessHasher();
  t.equal(await checkPassword(hasher, await postmasterOf(base), password ?? ''), true);
  t.same(await initialise(platform, where), { changed: false, password: undefined }, 'and it is over');
});

void t.test('a storage that has lost its id is not made another cluster’s', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  await initialise(platform, where);
  await rm(join(where.root, '.cluster', 'id'));
  const before = await readdir(where.root, { recursive: true });
  await t.rejects(initialise(platform, where), { code: 'refused', message: /has had controllers.*backup/ });
  t.same((await readdir(where.root, { recursive: true })).sort(), before.sort(), 'nothing was written');
});

void t.test(
  'the first keys: one authority for all that start together, and later for who is alone',
  async (t) => {
    const base = await fresh(t);
    const platform = memberPlatform(base, 8);
    const root = storageRoot(base);
    const member = (name: string, role: 'backend' | 'frontend' | 'standalone') =>
      ({ name, role, base: join(base, name) }) as const;
    const members = [member('be1', 'backend'), member('fe1', 'frontend')];
    const where = { base, root, logger: noLogger, password: 'x' };
    await initialise(platform, { ...where, members });
    const be1 = await loadSecurity(join(base, 'be1'), 'be1', 'backend');
    const fe1 = await loadSecurity(join(base, 'fe1'), 'fe1', 'frontend');
    t.equal(be1.self.clusterId, await admitStorage(platform, base));
    t.same(fe1.authorities(), be1.authorities());
    t.equal(fe1.ring('frontend').keys[0]?.id, be1.ring('frontend').keys[0]?.id);
    t.throws(() => fe1.ring('backend'), { code: 'unavailable' });

    const third = [...members, member('fe2', 'frontend')];
    await initialise(platform, { ...where, members: third });
    await t.rejects(loadSecurity(join(base, 'fe2'), 'fe2', 'frontend'), {
      code: 'refused',
      message: /postern join/,
    });
    await initialise(platform, { ...where, members: third, alone: true });
    const fe2 = await loadSecurity(join(base, 'fe2'), 'fe2', 'frontend');
    t.same(fe2.authorities(), be1.authorities(), 'the same authority');
    t.equal(
      (await loadSecurity(join(base, 'be1'), 'be1', 'backend')).self.serial,
      be1.self.serial,
      'others keep theirs',
    );

    const stranger = [member('x1', 'standalone')];
    await t.rejects(initialise(platform, { ...where, members: stranger, alone: true }), {
      code: 'refused',
      message: /keys are not here.*postern invite/,
    });
    for (const [name, role, line] of [
      ['be2', 'backend', /certificate of be1, and MemberName is be2/],
      ['be1', 'symmetric', /for a backend: start it with --ClusterBackend/],
    ] as const)
      await t.rejects(loadSecurity(join(base, 'be1'), name, role), { code: 'refused', message: line });
  },
);

void t.test('a renewal cut short leaves a certificate with its key', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const members = [{ name: 'be1', role: 'backend', base }] as const;
  await initialise(platform, { base, root: storageRoot(base), logger: noLogger, password: 'x', members });
  const files = (await readSecurityFiles(base))!;
  const directory = join(base, 'Settings', 'Cluster');
  const { key } = await makeRequest();
  // As `writeSecurityFiles` leaves it between its two files.
  await writeFile(join(directory, 'member.key'), `${key}${files.key}`);
  t.same(await readSecurityFiles(base), files, 'the old certificate finds its key');
  await writeFile(join(directory, 'member.key'), key);
  await t.rejects(readSecurityFiles(base), { code: 'invalid', message: /not the key of member\.pem/ });
  await rm(join(directory, 'keys.json'));
  await t.rejects(readSecurityFiles(base), { code: 'invalid', message: /keys\.json is missing/ });
});

void t.test(
  'a first start that fails on this machine is done again, keys and password and all',
  async (t) => {
    const base = await fresh(t);
    const platform = memberPlatform(base, 8);
    const members = [{ name: 'be1', role: 'backend', base }] as const;
    const where = { base, root: storageRoot(base), logger: noLogger, members };
    const directory = join(base, 'Settings', 'Cluster');
    using hasher = new ProcessHasher();
    // Wherever writing fails: in the way of each file in turn there is a directory.
    for (const name of ['ca.pem', 'keys.json', 'member.key', 'member.pem', 'revoked.json']) {
      await mkdir(join(directory, `${name}.new`), { recursive: true });
      await t.rejects(initialise(platform, where), { code: 'EISDIR' }, name);
      await rm(join(directory, `${name}.new`), { recursive: true });
    }
    const { changed, password } = await initialise(platform, where);
    t.equal(changed, true);
    t.equal(
      await checkPassword(hasher, await postmasterOf(base), password ?? ''),
      true,
      'shown, and it works',
    );
    const security = await loadSecurity(base, 'be1', 'backend');
    t.equal(security.ring('backend').keys.length, 1);
    t.same(await initialise(platform, where), { changed: false, password: undefined }, 'and it is over');
  },
);

void t.test('one that has stood alone gets its first keys, though it was cut short', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger, password: 'x' };
  await initialise(platform, where);
  const members = [{ name: 'a', role: 'standalone', base }] as const;
  const inTheWay = join(base, 'Settings', 'Cluster', 'member.pem.new');
  await mkdir(inTheWay, { recursive: true });
  for (let i = 0; i < 2; i++)
    await t.rejects(initialise(platform, { ...where, members, alone: true }), { code: 'EISDIR' });
  await rm(inTheWay, { recursive: true });
  await initialise(platform, { ...where, members, alone: true });
  t.ok(await loadSecurity(base, 'a', 'standalone'));
});

void t.test('control is not taken from a controller that runs', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const root = storageRoot(base);
  const clock = new ManualClock();
  const { fs } = platform;
  const look = async (meanwhile: () => Promise<unknown>): Promise<boolean> => {
    const resting = isAtRest({ fs, clock }, root, {});
    let isOver = false;
    void resting.then(() => (isOver = true));
    while (!isOver && clock.timers === 0) await immediate();
    await meanwhile();
    await clock.advance(1000);
    return resting;
  };
  const nothing = () => Promise.resolve();
  t.equal(await look(nothing), true, 'no storage');
  await makeStorage(platform, root);
  const file = await createHeartbeat(platform.fs, root, 1);
  t.equal(await look(nothing), true, 'a file without a heartbeat');
  const write = (counter: number, state: 'running' | 'ended' = 'running') =>
    file.writeDurably(
      [
        encodeHeartbeat({
          controlEpoch: 1,
          counter,
          state,
          member: 'be1',
          address: { host: 'h', port: 1 },
          nonce: '',
          holders: [],
        }),
      ],
      0,
    );
  await write(1);
  t.equal(await look(nothing), true, 'a counter that stands still');
  t.equal(await look(() => write(2)), false, 'one that goes on');
  await write(3, 'ended');
  t.equal(await look(() => write(4)), true, 'one that ended is not waited for');
  await write(5);
  const candidate = async () => (await createHeartbeat(fs, root, 2)).close();
  t.equal(await look(candidate), false, 'a candidate');
  await file.close();
});

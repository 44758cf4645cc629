/** The storage probe (docs/architecture.md, section 3, Leases). */
import t from 'tap';
import { StorageProbe } from '../../../src/cluster/leases/probe.ts';
import { initStorage } from '../../../src/cluster/storage/check.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { fsError } from '../../support/file-tree.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';

const storage = { root: '/s', mounts: ['/s/fast'] };

void t.test('the probe', async (t) => {
  const platform = memoryPlatform();
  const { fs, clock, random } = platform;
  await fs.makeDirectory('/s/fast');
  await initStorage(fs, random, storage);
  const probe = new StorageProbe(fs, clock, storage, 'a'.repeat(32) as Incarnation, DEFAULT_TIMES, noLogger);
  t.notOk(probe.isFresh(clock.monotonicMs()), 'before the first');
  probe.start();
  await clock.advance(100);
  t.equal(probe.ageMs(clock.monotonicMs()), 100, 'counted from before the write');

  const hung = Promise.withResolvers<void>();
  fs.before = () => hung.promise;
  probe.start();
  probe.start();
  await clock.advance(1900);
  t.ok(probe.isFresh(clock.monotonicMs()));
  await clock.advance(1);
  t.notOk(probe.isFresh(clock.monotonicMs()), 'older than the lease');
  await clock.advance(200);
  fs.before = undefined;
  hung.resolve();
  await clock.advance(1);
  t.notOk(probe.isFresh(clock.monotonicMs()), 'an old write that returns late is an old probe');
  probe.start();
  await clock.advance(1);
  t.ok(probe.isFresh(clock.monotonicMs()));

  for (const [code, fresh] of [
    ['EIO', false],
    ['ENOSPC', true],
    ['EROFS', true],
  ] as const) {
    await clock.advance(2500);
    fs.before = (call, path) => {
      if (call === 'writeDurably' || call === 'createExclusive') throw fsError(code, 'write', path);
    };
    probe.start();
    await clock.advance(1);
    t.equal(probe.isFresh(clock.monotonicMs()), fresh, `${code}: ${fresh ? 'it answers' : 'it does not'}`);
    fs.before = undefined;
  }
  await probe.close();
});

void t.test('a full storage costs no descriptors and no names, however long it is full', async (t) => {
  const { fs, clock, random } = memoryPlatform();
  await fs.makeDirectory('/s/fast');
  await initStorage(fs, random, storage);
  let open = 0;
  const create = fs.createExclusive.bind(fs);
  fs.createExclusive = async (path) => {
    const file = await create(path);
    open++;
    const close = file.close.bind(file);
    file.close = async () => {
      open--;
      await close();
    };
    return file;
  };
  const probe = new StorageProbe(fs, clock, storage, 'b'.repeat(32) as Incarnation, DEFAULT_TIMES, noLogger);
  fs.before = (call, path) => {
    if (call === 'writeDurably') throw fsError('ENOSPC', 'write', path);
  };
  for (let i = 0; i < 50; i++) {
    probe.start();
    await clock.advance(10);
  }
  t.equal(open, 0);
  t.same(await fs.list('/s/.cluster/probe'), []);
  fs.before = undefined;
  probe.start();
  await clock.advance(10);
  t.equal(open, 1);
  t.ok(probe.isFresh(clock.monotonicMs()));
  await probe.close();
});

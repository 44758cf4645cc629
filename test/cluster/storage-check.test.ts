/** Which storage it is, and the storage probe (docs/architecture.md, section 3). */
import t from 'tap';
import { checkStorage, initStorage, StorageProbe } from '../../src/cluster/storage-check.ts';
import { DEFAULT_TIMES } from '../../src/cluster/times.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { fsError } from '../support/file-tree.ts';
import { memoryPlatform } from '../support/memory-platform.ts';

const storage = { root: '/s', mounts: ['/s/fast'] };

void t.test('made once; kept when it is there', async (t) => {
  const { fs, random } = memoryPlatform();
  await fs.makeDirectory('/s/fast');
  const first = await initStorage(fs, random, storage);
  t.ok(first.created);
  const again = await initStorage(fs, random, storage);
  t.notOk(again.created);
  t.equal(again.clusterId, first.clusterId);
  t.same(await checkStorage(fs, storage), { kind: 'ok', clusterId: first.clusterId });
});

void t.test('refusals say which mount and why', async (t) => {
  const { fs, random } = memoryPlatform();
  t.match(await checkStorage(fs, storage), { kind: 'refused', why: /\/s is not mounted/ });
  await fs.makeDirectory('/s/fast');
  await initStorage(fs, random, storage);
  const marker = fs.content('/s/fast/.postern-mount');
  await fs.remove('/s/fast/.postern-mount');
  t.match(await checkStorage(fs, storage), { kind: 'refused', why: /\/s\/fast is not mounted/ });
  fs.put('/s/fast/.postern-mount', Buffer.from(marker.toString().replace(/[0-9a-f]{32}/, 'f'.repeat(32))));
  t.match(await checkStorage(fs, storage), { kind: 'refused', why: /\/s\/fast is another cluster's/ });
  fs.put('/s/.cluster/id', Buffer.from('garbage'));
  t.match(await checkStorage(fs, storage), { kind: 'refused' });
  await t.rejects(initStorage(fs, random, storage), { code: 'damaged' });
});

void t.test('what the storage itself says is not taken for a missing mount', async (t) => {
  const { fs } = memoryPlatform();
  fs.before = (_, path) => {
    throw fsError('EIO', 'open', path);
  };
  await t.rejects(checkStorage(fs, storage), { code: 'EIO' });
});

void t.test('the probe', async (t) => {
  const platform = memoryPlatform();
  const { fs, clock, random } = platform;
  await fs.makeDirectory('/s/fast');
  await initStorage(fs, random, storage);
  const probe = new StorageProbe(fs, clock, storage, 'a'.repeat(32) as Incarnation, DEFAULT_TIMES);
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
  const probe = new StorageProbe(fs, clock, storage, 'b'.repeat(32) as Incarnation, DEFAULT_TIMES);
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

/** Which storage it is (docs/architecture.md, section 3). */
import t from 'tap';
import { checkStorage, initStorage } from '../../../src/cluster/storage/check.ts';
import { fsError } from '../../support/file-tree.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';

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

/** Readiness of members and the feature level, as operators see and change them. */
import t from 'tap';
import type { Level } from '../../src/cluster/level.ts';
import { LEVEL_KEY } from '../../src/cluster/level.ts';
import { notReadyKey } from '../../src/cluster/not-ready.ts';
import { MemoryNode, membersOf, status, worker } from './memory-members.ts';

/** A program of some years on. */
const PLAYED: readonly Level[] = [
  { level: 0, version: '0.1.0', brings: 'all' },
  { level: 1, version: '0.2.0', brings: 'queues' },
  { level: 2, version: '0.3.0', brings: 'rooms' },
];

void t.test('the list, by name, with what is left', async (t) => {
  const node = new MemoryNode([
    status('fe1', { slots: 0, workers: [worker(2), worker(5)] }),
    status('be1', { isController: true, workers: [worker(0)] }),
    status('be2', { workers: [worker(undefined), worker(1)], refusal: 'not mounted' }),
  ]);
  const list = await membersOf(node).members();
  t.match(list, [
    { name: 'be1', isController: true, slots: 7, connections: 0, notReady: undefined },
    { name: 'be2', refusal: 'not mounted' },
    { name: 'fe1', slots: 0, connections: 7 },
  ]);
  t.equal(list[1]?.connections, undefined, 'an older worker does not say, so nobody knows');
});

void t.test('Not-Ready and Ready', async (t) => {
  const node = new MemoryNode([status('be1'), status('fe1')]);
  const members = membersOf(node);
  await members.makeNotReady('fe1', 'joe@a.example');
  const notReady = { since: '2026-11-20T12:00:00.000Z', by: 'joe@a.example' };
  t.match(await members.members(), [{ notReady: undefined }, { notReady }]);
  t.match(node.changes, [{ kind: 'setValue', key: notReadyKey('fe1'), request: /^[0-9a-f]{32}$/ }]);

  await members.makeNotReady('fe1', 'ann@a.example');
  t.equal(node.changes.length, 1, 'the first word stays');
  await t.rejects(members.makeNotReady('fe9', 'joe'), {
    code: 'not-found',
    message: 'there is no member fe9; there are be1, fe1',
  });
  await members.makeReady('fe1');
  t.match(await members.members(), [{ notReady: undefined }, { notReady: undefined }]);
  await members.makeReady('fe1');
  await t.rejects(members.makeReady('fe9'), { code: 'not-found' });

  await members.makeNotReady('fe1', 'joe');
  node.members = [status('be1')];
  await members.makeReady('fe1');
  t.equal(node.settings.value(notReadyKey('fe1')), undefined, 'of one that is not listed any more too');

  node.answers = false;
  await t.rejects(members.makeNotReady('be1', 'joe'), { code: 'unavailable' }, 'not on old news');
  await t.rejects(members.members(), { code: 'unavailable' });
});

void t.test('the level is raised when all that are there know it, and never lowered', async (t) => {
  const node = new MemoryNode([
    status('be1', { level: 2, version: '0.3.0' }),
    status('be2', { level: 1, version: '0.2.0' }),
    status('fe1', { level: 0, state: 'gone' }),
  ]);
  const members = membersOf(node, { levels: PLAYED });
  t.match(await members.level(), {
    level: 0,
    known: 2,
    members: [{ name: 'be1', level: 2 }, { level: 1 }, { level: 0 }],
    next: [{ level: 1, brings: 'queues' }, { level: 2 }],
  });
  await t.rejects(members.raiseLevel(2), {
    code: 'refused',
    message: /be2 \(version 0\.2\.0, level 1\): install version 0\.3\.0 or newer on them first$/,
  });
  await t.rejects(members.raiseLevel(3), { code: 'refused', message: /knows levels up to 2: install/ });
  t.equal(node.changes.length, 0);

  t.strictSame(await members.raiseLevel(1), ['fe1'], 'who is gone and knows less is named');
  t.equal(node.settings.value(LEVEL_KEY)?.toString(), '1');
  t.match(await members.level(), { level: 1, next: [{ level: 2 }] });
  t.strictSame(await members.raiseLevel(1), ['fe1']);
  t.equal(node.changes.length, 1, 'what is so already is not written again');
  await t.rejects(members.raiseLevel(0), { code: 'refused', message: /does not go back/ });
});

void t.test('alone there is no cluster', async (t) => {
  const members = membersOf(new MemoryNode([status('be1')]), { clustered: false });
  for (const ask of [() => members.members(), () => members.makeReady('be1'), () => members.level()])
    await t.rejects(async () => void (await ask()), { code: 'invalid', message: /stands alone/ });
});

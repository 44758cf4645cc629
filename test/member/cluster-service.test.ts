/** `postern cluster …` between the command and its own member: what is asked, what is answered, and what is printed. */
import fc from 'fast-check';
import t from 'tap';
import { tell } from '../../src/member/cluster-command.ts';
import {
  CLUSTER_ACTIONS,
  CLUSTER_SERVICE,
  type ClusterQuestion,
  readQuestion,
  serveCluster,
} from '../../src/member/cluster-service.ts';
import { MemoryNode, membersOf, status, worker } from '../admin/memory-members.ts';
import { MemoryHub } from '../cluster/memory-bus.ts';
import { ManualClock } from '../support/manual-clock.ts';

function bed() {
  const hub = new MemoryHub(new ManualClock());
  const supervisor = hub.bus('fe1', 'supervisor', 'a');
  const command = hub.bus('fe1', 'worker', 'b');
  const node = new MemoryNode([
    status('be1', { isController: true }),
    status('fe1', { slots: 0, workers: [worker(undefined)], level: 0 }),
  ]);
  serveCluster(supervisor, membersOf(node));
  const ask = async (question: ClusterQuestion): Promise<string> => {
    const body = question as unknown as Record<string, unknown>;
    const answer = await command.call(supervisor.self.address, CLUSTER_SERVICE, body, { timeoutMs: 1000 });
    return tell(question, answer);
  };
  return { ask, node };
}

void t.test('each question, and what is printed of its answer', async (t) => {
  const { ask, node } = bed();
  t.equal(
    await ask({ act: 'members' }),
    [
      'member  role      state              slots  connections  version  level',
      'be1     backend   ready, controller  7      3            0.1.0    0',
      'fe1     frontend  ready              0      ?            0.1.0    0',
      '',
    ].join('\n'),
  );
  t.match(await ask({ act: 'not-ready', member: 'fe1', by: 'root@fe1' }), /^postern: fe1 takes nothing new/);
  t.match(
    await ask({ act: 'members' }),
    /fe1 +frontend +ready, made not ready by root@fe1 at 2026-11-20T12:00:00\.000Z +0/,
  );
  t.match(await ask({ act: 'ready', member: 'fe1' }), /^postern: fe1 takes clients and slots again/);
  t.equal(
    await ask({ act: 'level' }),
    [
      'cluster: level 0; this program knows levels up to 0',
      'be1: level 0 (version 0.1.0)',
      'fe1: level 0 (version 0.1.0)',
      '',
    ].join('\n'),
  );
  t.equal(await ask({ act: 'raise-level', level: 0 }), 'postern: the cluster is at feature level 0\n');
  t.equal(
    tell({ act: 'raise-level', level: 1 }, ['be3']),
    'postern: the cluster is at feature level 1; be3, which know less, are not let in any more until they are updated\n',
  );
  await t.rejects(ask({ act: 'raise-level', level: 1 }), { code: 'refused' });
  await t.rejects(ask({ act: 'ready', member: 'fe2' }), { code: 'not-found' });
  node.answers = false;
  await t.rejects(ask({ act: 'members' }), { code: 'unavailable' });
});

void t.test('nonsense is refused', (t) => {
  for (const body of [
    null,
    7,
    {},
    { act: 'fly' },
    { act: 'not-ready' },
    { act: 'not-ready', member: 'x' },
    { act: 'ready', member: 7 },
    { act: 'raise-level', level: -1 },
    { act: 'raise-level', level: '1' },
    { act: 'ready', member: 'x'.repeat(300) },
  ])
    t.throws(() => readQuestion(body), { code: 'invalid' }, JSON.stringify(body).slice(0, 60));
  t.end();
});

void t.test('whatever comes is a question or invalid', (t) => {
  const field = fc.oneof(fc.constantFrom<string>(...CLUSTER_ACTIONS), fc.anything());
  fc.assert(
    fc.property(fc.record({ act: field, member: field, by: field, level: field }), (body) => {
      try {
        return (CLUSTER_ACTIONS as readonly string[]).includes(readQuestion(body).act);
      } catch (error) {
        return (error as { readonly code?: unknown }).code === 'invalid';
      }
    }),
    { numRuns: 300 },
  );
  t.end();
});

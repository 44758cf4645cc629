/** Everybody speaks for its own member only, and a frontend for nothing that has to do with leases or control. */
import t from 'tap';
import type { Peer } from '../../../src/cluster/bus/types.ts';
import type { Report } from '../../../src/cluster/messages.ts';
import { mayAsk, mayChange, mayRenew, mayReport, mayState } from '../../../src/cluster/security/speakers.ts';
import type { Role } from '../../../src/cluster/types.ts';
import type { Epoch, Slot } from '../../../src/store/ids.ts';
import * as said from '../said.ts';
import { CLUSTER_ID } from './support.ts';

const { AT, incarnation: id, renewal } = said;

function peer(member: string, role: Role | undefined): Peer {
  const incarnation = id('f');
  const base = { member, role: 'supervisor', incarnation, address: AT } as const;
  return role === undefined
    ? base
    : { ...base, proven: { clusterId: CLUSTER_ID, member, role, serial: '1' } };
}

const report = (member: string, role: Role): Report =>
  said.report(member, { role, workers: [said.worker('a', { life: AT, holds: true })], dead: [id('c')] });

const MEMBERS = [
  { name: 'be1', role: 'backend', info: [{ incarnation: id('1') }] },
  { name: 'fe1', role: 'frontend', info: [{ incarnation: id('a') }] },
] as const;

void t.test('reports', async (t) => {
  const own = report('be1', 'backend');
  t.equal(mayReport(peer('be1', 'backend'), own, MEMBERS), own);
  t.throws(
    () => mayReport(peer('be2', 'backend'), own, MEMBERS),
    { code: 'refused', message: /be2 .*as be1/ },
    'as another',
  );
  t.throws(() => mayReport(peer('be1', 'symmetric'), own, MEMBERS), { code: 'refused' }, 'with another role');
  t.throws(
    () => mayReport(peer('fe1', 'frontend'), report('fe1', 'backend'), MEMBERS),
    { code: 'refused' },
    'as a backend',
  );
  const frontends = mayReport(peer('fe1', 'frontend'), report('fe1', 'frontend'), MEMBERS);
  t.same(frontends.dead, [], 'a frontend’s word frees no slot');
  t.match(frontends.workers, [{ holds: false, life: undefined }], 'and proves no death');
  const anothers = report('fe1', 'frontend');
  const workers = [...anothers.workers, { ...anothers.workers[0]!, incarnation: id('1') }];
  t.same(
    mayReport(peer('fe1', 'frontend'), { ...anothers, workers }, MEMBERS).workers.map(
      (each) => each.incarnation,
    ),
    [id('a')],
    'a worker that another member lists is that member’s',
  );
  t.equal(
    mayReport(peer('anybody', undefined), own, MEMBERS),
    own,
    'without certificates everything is believed',
  );
});

void t.test('renewals', async (t) => {
  const pair = { slot: 1 as Slot, epoch: 1 as Epoch };
  const holding = { ...renewal('be1').worker, incarnation: id('1'), holds: true };
  t.ok(
    mayRenew(peer('be1', 'backend'), renewal('be1', { count: 1, worker: holding, pairs: [pair] }), MEMBERS),
  );
  t.ok(mayRenew(peer('fe1', 'frontend'), renewal('fe1'), MEMBERS));
  t.throws(
    () => mayRenew(peer('be2', 'backend'), renewal('be1'), MEMBERS),
    { code: 'refused' },
    'for another',
  );
  const stolen = renewal('fe1', { worker: { ...renewal('fe1').worker, incarnation: id('1') } });
  t.throws(() => mayRenew(peer('fe1', 'frontend'), stolen, MEMBERS), { code: 'refused' }, 'another’s worker');
  // A frontend that lists a backend's worker, which got past its report, does not stop the backend's own renewals.
  const [be1, fe1] = MEMBERS;
  const liar = { ...fe1, info: [{ incarnation: id('a') }, { incarnation: id('1') }] };
  t.ok(
    mayRenew(peer('be1', 'backend'), renewal('be1', { count: 1, worker: holding, pairs: [pair] }), [
      be1,
      liar,
    ]),
    'listed by a frontend too',
  );
  for (const [name, more] of [
    ['a worker that holds', { worker: { ...renewal('fe1').worker, holds: true } }],
    ['pairs', { pairs: [pair] }],
    ['released', { released: [pair] }],
    ['returned', { returned: [pair] }],
    ['a count', { count: 1 }],
    ['the state of a storage', { probeAgeMs: 0 }],
    ['a larger epoch', { largerEpoch: 9 as Epoch }],
  ] as const)
    t.throws(
      () => mayRenew(peer('fe1', 'frontend'), renewal('fe1', more), MEMBERS),
      { code: 'refused' },
      name,
    );
});

void t.test('statements, questions, changes', async (t) => {
  const statement = { member: 'be1' } as Parameters<typeof mayState>[1];
  t.equal(mayState(peer('be1', 'backend'), statement), true);
  t.equal(mayState(peer('be2', 'backend'), statement), false, 'a controller states for itself');
  t.equal(mayState(peer('x', undefined), statement), true);
  t.equal(mayAsk(peer('be1', 'backend'), 7), 7);
  t.equal(mayAsk(peer('fe1', 'frontend'), 0), 0);
  t.throws(() => mayAsk(peer('fe1', 'frontend'), 7), { code: 'refused' }, 'a frontend stands for nothing');
  const change = { kind: 'setValue', key: 'administrator/x', value: null };
  t.equal(mayChange(peer('fe1', 'frontend'), change), change, 'administration works at any member');
  for (const role of ['frontend', 'backend'] as const)
    for (const key of ['security/state', 'security/authority/1'])
      t.throws(() => mayChange(peer('m', role), { ...change, key }), { code: 'refused' }, `${role}: ${key}`);
  for (const odd of [null, 1, [], {}, { key: 1 }]) t.equal(mayChange(peer('fe1', 'frontend'), odd), odd);
});

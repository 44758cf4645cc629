/** The controller's list of members, and what one process hears (docs/architecture.md, section 3, Control). */
import t from 'tap';
import { Membership } from '../../../src/cluster/control/membership.ts';
import type { Renewal, Report, Statement } from '../../../src/cluster/messages.ts';
import { DEFAULT_TIMES, withMargin } from '../../../src/cluster/times.ts';
import { Hearing } from '../../../src/cluster/view/hearing.ts';
import * as said from '../said.ts';

/** A member that was ready so long ago is not, by the slowest clock. */
const GONE_MS = withMargin(DEFAULT_TIMES.unheardMs, DEFAULT_TIMES);
const OTHER = said.incarnation('b');
const WORKER = said.worker('c', { address: { host: 'fe1', port: 2 } });

let seq = 0;
const renewal = (more: Partial<Renewal> = {}): Renewal =>
  said.renewal('fe1', { worker: WORKER, seq: ++seq, ...more });
const report = (member: string, more: Partial<Report> = {}): Report =>
  said.report(member, { address: { host: member, port: 1 }, seq: ++seq, ...more });

void t.test('states: joining, ready, not-ready, gone', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  const state = (now: number) => members.tick(now, () => 0).members.find(({ name }) => name === 'be2')?.state;
  members.reported(0, report('be2', { ready: false }), false);
  t.equal(state(0), 'joining', 'never heard');
  members.reported(10, report('be2', { ready: false }), true);
  t.equal(state(10), 'joining', 'never ready');
  members.reported(20, report('be2'), true);
  t.equal(state(20), 'ready');
  members.reported(30, report('be2', { ready: false }), true);
  t.equal(state(30), 'not-ready');
  t.equal(state(30 + DEFAULT_TIMES.unheardMs), 'gone');
});

void t.test('the list gets a new version when it changes, and only then', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('be2'), true);
  const { version } = members.tick(0, () => 0);
  members.reported(100, report('be2'), true);
  t.equal(members.tick(100, () => 700).version, version, 'slots come and go without news');
  members.reported(200, report('be3'), true);
  t.ok(members.tick(200, () => 0).version > version);
});

void t.test('"answered when every ready member shows it"', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('be1', { settingsVersion: 6 }), true);
  members.reported(0, report('be2', { settingsVersion: 5 }), true);
  members.reported(0, report('fe1', { settingsVersion: 4, ready: false }), true);
  t.notOk(members.allShow(0, 6));
  t.ok(members.allShow(0, 5), 'one that is not ready is not waited for');
  members.reported(3000, report('be1', { settingsVersion: 6 }), true);
  t.notOk(members.allShow(3000, 6), 'by a slower clock than ours be2 may be ready yet');
  t.ok(members.allShow(GONE_MS, 6), 'nor one unheard for 3 s, by its own clock');
});

void t.test('a new controller waits for members that it does not know yet', async (t) => {
  const members = new Membership('be1', 2, DEFAULT_TIMES, { members: [], readyUntil: 500 });
  members.reported(0, report('be1', { settingsVersion: 6 }), true);
  t.notOk(members.allShow(499, 6));
  t.ok(members.allShow(500, 6));
});

void t.test('a worker that is listed, and of which nothing is known, shows nothing', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('fe1', { workers: [WORKER] }), true);
  t.notOk(members.allShow(0, 5));
  members.renewed(1, renewal({ settingsVersion: 4 }), true, false);
  t.notOk(members.allShow(1, 5));
  members.renewed(2, renewal({ settingsVersion: 5 }), true, false);
  t.ok(members.allShow(2, 5));
});

void t.test('a ready worker counts, whatever its supervisor says of itself', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('fe1', { ready: false }), true);
  members.renewed(0, renewal({ settingsVersion: 4 }), true, false);
  t.notOk(members.allShow(0, 5), 'not listed yet');
  members.reported(1, report('fe1', { ready: false, workers: [WORKER] }), true);
  t.notOk(members.allShow(1, 5));
  members.reported(2, report('fe1', { ready: false }), true);
  t.ok(members.allShow(2, 5), 'its exit was seen');
  members.renewed(3, renewal({ settingsVersion: 4 }), true, false);
  t.notOk(members.allShow(3, 5), 'it is there after all');
  t.notOk(members.allShow(2 + GONE_MS, 5));
  t.ok(members.allShow(3 + GONE_MS, 5), 'unheard');
});

void t.test('what took a detour and was overtaken changes nothing', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  const [older, newer] = [report('be2', { ready: false }), report('be2')];
  members.reported(0, newer, true);
  t.ok(members.reported(1, older, true), 'no reason to refuse it');
  t.notOk(members.allShow(1, 6), 'it has said that it is ready');
  members.reported(2, report('be2', { settingsVersion: 6 }), true);
  members.renewed(3, renewal({ seq: 8, settingsVersion: 5 }), true, false);
  members.renewed(4, renewal({ seq: 7, settingsVersion: 6, ready: false }), true, false);
  t.notOk(members.allShow(4, 6), 'of renewals neither');
  members.reported(5, report('be2', { incarnation: OTHER, seq: 1, settingsVersion: 5 }), true);
  members.renewed(6, renewal({ seq: 9, settingsVersion: 6 }), true, false);
  t.notOk(members.allShow(6, 6), 'another incarnation counts from one');
});

void t.test('a report that quotes no recent heartbeat is not heard', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('be2'), true);
  members.reported(500, report('be2'), false);
  t.equal(members.counted()[0]?.heardAt, 0);
});

const statement = (controlEpoch: number, counter: number, authorityLeftMs: number): Statement => ({
  controlEpoch,
  counter,
  authorityLeftMs,
  member: `be${controlEpoch}`,
  address: { host: 'h', port: controlEpoch },
  clusterId: '',
  mapVersion: 0,
  settingsVersion: 0,
  membersVersion: 0,
  poke: false,
});

void t.test('"to hear the controller is to get that statement with authority in it"', async (t) => {
  const hearing = new Hearing();
  t.ok(hearing.statement(100, statement(2, 1, 0)));
  t.equal(hearing.heardAgoMs(100), undefined);
  hearing.statement(200, statement(2, 2, 700));
  t.equal(hearing.heardAgoMs(300), 100);
});

void t.test('"who has answered a controller refuses smaller ones"', async (t) => {
  const hearing = new Hearing();
  hearing.statement(0, statement(2, 1, 700));
  t.equal(hearing.controller()?.member, 'be2');
  t.ok(hearing.accept(3), 'a candidate asked');
  t.equal(hearing.controller(), undefined, 'nobody to talk to until it acts');
  t.notOk(hearing.statement(10, statement(2, 9, 700)));
  t.notOk(hearing.accept(2));
  t.ok(hearing.statement(20, statement(3, 1, 700)));
  t.equal(hearing.controller()?.member, 'be3');
});

void t.test('a member that was never heard is forgotten too: names are a limited good', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.reported(0, report('stray'), false);
  t.equal(members.tick(15 * 60_000, () => 0).members.length, 1);
  t.equal(members.tick(15 * 60_000 + 1, () => 0).members.length, 0);
});

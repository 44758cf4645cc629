/** The controller's list of members, and what one process hears (docs/architecture.md, section 3, Control). */
import t from 'tap';
import { Hearing } from '../../src/cluster/hearing.ts';
import { Membership } from '../../src/cluster/membership.ts';
import type { Report, Statement } from '../../src/cluster/messages.ts';
import { DEFAULT_TIMES } from '../../src/cluster/times.ts';
import type { Incarnation } from '../../src/store/ids.ts';

const report = (member: string, more: Partial<Report> = {}): Report => ({
  controlEpoch: 1,
  quote: 1,
  member,
  role: 'backend',
  incarnation: 'a'.repeat(32) as Incarnation,
  address: { host: member, port: 1 },
  ready: true,
  draining: false,
  settingsVersion: 5,
  workers: [],
  dead: [],
  ...more,
});

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
  t.ok(members.allShow(3000, 6), 'nor one unheard for 3 s');
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

/** Make Not-Ready and Make Ready in a cluster: what each role does, and that it is a setting and no message (docs/cluster.md). */
import t from 'tap';
import { encodeNotReady, notReadyKey } from '../../src/cluster/not-ready.ts';
import { SLOTS } from '../../src/store/ids.ts';
import { TestCluster } from './cluster.ts';

const MARK = { since: '2026-11-20T12:00:00.000Z', by: 'postmaster' };

async function cluster(...names: readonly string[]): Promise<TestCluster> {
  const c = new TestCluster({ rebalanceAfterMs: 300 });
  await c.init();
  for (const name of names) await c.add(name, name.startsWith('be') ? 'backend' : 'frontend');
  await c.balanced();
  const all = [...c.members.values()];
  await c.until(() => all.every(({ node, worker }) => node.isReady() && worker.node.isReady()));
  return c;
}

/** Asked at one member; resolves when it is answered, and gives how long that took. */
async function mark(c: TestCluster, name: string, value: Buffer | null, at = 'be1'): Promise<number> {
  const change = { kind: 'setValue', key: notReadyKey(name), value };
  let isAnswered = false;
  const changed = c.member(at).worker.node.changeSettings(change, { timeoutMs: 5000 });
  const answered = changed.then(() => {
    isAnswered = true;
  });
  const tookMs = await c.until(() => isAnswered);
  await answered;
  return tookMs;
}

const slotsOf = (c: TestCluster, name: string): number => c.member(name).worker.holder.held().length;

void t.test('a backend gives its slots away and stays a member; READY brings them back', async (t) => {
  const c = await cluster('be1', 'be2', 'be3', 'fe1');
  const be2 = c.member('be2');
  const tookMs = await mark(c, 'be2', encodeNotReady(MARK), 'be3');
  t.ok(tookMs < 1000, `answered after ${tookMs} ms`);
  t.equal(be2.worker.node.standing(), 'not-ready', 'and then it knows itself');
  t.equal(c.member('be1').worker.node.standing(), 'ready');

  await c.until(() => slotsOf(c, 'be2') === 0, 30_000);
  t.equal(slotsOf(c, 'be1') + slotsOf(c, 'be3'), SLOTS, 'each slot has an owner');
  await c.clock.advance(5000);
  t.equal(slotsOf(c, 'be2'), 0, 'and none comes back');
  t.ok(be2.node.isReady() && be2.worker.node.isReady(), 'it shows settings, and is waited for');
  const seen = c
    .member('fe1')
    .worker.node.status()
    .find(({ name }) => name === 'be2');
  t.match(seen, { state: 'ready', draining: true, notReady: MARK, slots: 0 });

  await mark(c, 'be2', null, 'fe1');
  await c.balanced();
  t.equal(be2.worker.node.standing(), 'ready');
  await c.stop();
});

void t.test('a frontend tells balancers at once; nothing else of it changes', async (t) => {
  const c = await cluster('be1', 'fe1', 'fe2');
  await mark(c, 'fe1', encodeNotReady(MARK));
  t.equal(c.member('fe1').worker.node.standing(), 'not-ready');
  t.equal(c.member('fe2').worker.node.standing(), 'ready');
  await c.clock.advance(2000);
  t.ok(c.member('fe1').worker.node.isReady(), 'its sessions go on');
  const seen = c
    .member('be1')
    .worker.node.status()
    .find(({ name }) => name === 'fe1');
  t.match(seen, { state: 'ready', draining: false, notReady: MARK });
  await mark(c, 'fe1', null);
  t.equal(c.member('fe1').worker.node.standing(), 'ready');
  await c.stop();
});

void t.test(
  'when all backends are Not-Ready they go on serving, and take what one of them leaves',
  async (t) => {
    const c = await cluster('be1', 'be2', 'fe1');
    for (const name of ['be1', 'be2']) await mark(c, name, encodeNotReady(MARK), 'fe1');
    await c.until(() => slotsOf(c, 'be1') + slotsOf(c, 'be2') === SLOTS, 30_000);
    await c.clock.advance(3000);
    t.equal(slotsOf(c, 'be1') + slotsOf(c, 'be2'), SLOTS);
    t.equal(c.member('fe1').worker.node.standing(), 'ready', 'the cluster serves');

    const [controller] = c.controllers;
    const other = c.member(controller === 'be1' ? 'be2' : 'be1');
    c.hub.crash(other.bus);
    c.hub.crash(other.worker.bus);
    c.members.delete(other.name);
    await c.until(() => slotsOf(c, controller!) === SLOTS, 30_000);
    await c.stop();
  },
);

void t.test('the mark is there before the member: it is given nothing from its start', async (t) => {
  const c = new TestCluster();
  await c.init();
  c.settings.values.set(notReadyKey('be2'), encodeNotReady(MARK));
  await c.add('be1', 'backend');
  await c.until(() => slotsOf(c, 'be1') === SLOTS, 30_000);
  const be2 = await c.add('be2', 'backend');
  await c.until(() => be2.worker.node.isReady(), 30_000);
  await c.clock.advance(10_000);
  t.equal(slotsOf(c, 'be2'), 0);
  t.equal(be2.worker.node.standing(), 'not-ready');
  await c.stop();
});

/** Placement in whole clusters in memory: weights, hot slots, an operator's moves (docs/cluster.md, "Placement"). */
import t, { type Test } from 'tap';
import type { SlotRate, WorkerLoad } from '../../src/cluster/types.ts';
import { SLOTS, type Slot } from '../../src/store/ids.ts';
import { TestCluster } from './cluster.ts';

/** Faster than in life, as nothing here is about that. */
const TIMES = { movesPerSecond: 4000, movesAtOnce: 256, rebalanceAfterMs: 300 };
const SETTLED_MS = 20_000;
/** Ten seconds that are judged by, and what it takes to notice and to move. */
const HOT_MS = 15_000;

async function cluster(t: Test, weights: Readonly<Record<string, number>>): Promise<TestCluster> {
  const c = new TestCluster(TIMES);
  t.teardown(() => c.stop());
  await c.init();
  for (const [name, weight] of Object.entries(weights)) {
    tells(c, name, { weight });
    await c.add(name, 'backend');
  }
  await c.until(() => heldBy(c).reduce((sum, each) => sum + each, 0) === SLOTS, SETTLED_MS);
  return c;
}

function tells(c: TestCluster, name: string, load: Partial<WorkerLoad>): void {
  const before = c.loads.get(name)?.() ?? { weight: 100, processor: 0, operations: 0, hottest: [] };
  c.loads.set(name, () => ({ ...before, ...load }));
}

function heldBy(c: TestCluster): number[] {
  return [...c.members.values()].map(({ worker }) => worker.holder.held().length);
}

function ownerOf(c: TestCluster, slot: Slot): string | undefined {
  return [...c.members.values()].find(({ worker }) => worker.holder.leases.get(slot)?.held())?.name;
}

/** A worker whose slots have these shares of its operations. */
function busy(processor: number, slots: readonly Slot[], ...shares: readonly number[]): Partial<WorkerLoad> {
  const hottest = slots.map((slot, i): SlotRate => ({ slot, operations: 1000 * (shares[i] ?? 0) }));
  return { processor, operations: 1000, hottest };
}

void t.test('slots go by weight, and move when somebody comes with another one', async (t) => {
  const c = await cluster(t, { be1: 100, be2: 300 });
  await c.clock.advance(3000);
  const near = (shares: readonly number[]) => heldBy(c).every((held, i) => Math.abs(held - shares[i]!) <= 2);
  t.ok(near([1024, 3072]), heldBy(c).join());
  tells(c, 'be3', { weight: 400 });
  await c.add('be3', 'backend');
  await c.until(() => near([512, 1536, 2048]), SETTLED_MS);
  await c.clock.advance(2000);
  t.ok(near([512, 1536, 2048]), 'and there they stay');
});

void t.test('a worker of the version before has no weight and is placed as any other', async (t) => {
  const c = await cluster(t, { be1: 100 });
  await c.add('be2', 'backend');
  await c.balanced();
  t.same(heldBy(c), [SLOTS / 2, SLOTS / 2]);
});

void t.test('a hot slot moves to who has less to do, and is held by one of them at a time', async (t) => {
  const c = await cluster(t, { be1: 100, be2: 100 });
  await c.balanced();
  const [one, two] = c.member('be1').worker.holder.held().slice(100, 102) as [Slot, Slot];
  tells(c, 'be1', busy(0.9, [one, two], 0.5, 0.2));
  tells(c, 'be2', { processor: 0.1 });
  await c.until(() => ownerOf(c, one) === 'be2', HOT_MS);
  tells(c, 'be1', busy(0.45, [two], 0.4));
  tells(c, 'be2', busy(0.55, [one], 0.8));
  await c.clock.advance(30_000);
  t.same(heldBy(c), [SLOTS / 2 - 1, SLOTS / 2 + 1], 'nothing else has moved');
  t.same(c.member('be2').worker.holder.history.filter((line) => line.includes(` ${one} `)).length, 1);
  await c.member('be2').worker.node.refreshStatus(1000);
  t.match(c.member('be2').worker.node.moves(), { hot: 1, operator: 0, drain: 0, underWay: 0 });
});

void t.test(
  'the whole load of a worker stays; and while slots move as somebody came, loads count for nothing',
  async (t) => {
    const c = await cluster(t, { be1: 100, be2: 100 });
    await c.balanced();
    const hotMoves = async (): Promise<number | undefined> => {
      const { node } = c.member('be1').worker;
      // The controller makes its news each Heartbeat.
      await c.clock.advance(c.times.heartbeatMs);
      await node.refreshStatus(1000);
      return node.moves()?.hot;
    };
    const one = c.member('be1').worker.holder.held().at(-1)!;
    tells(c, 'be1', busy(1, [one], 1));
    tells(c, 'be2', { processor: 0 });
    await c.clock.advance(HOT_MS);
    t.equal(await hotMoves(), 0, 'it would only move the trouble');
    await c.add('be3', 'backend');
    tells(c, 'be3', { processor: 0 });
    await c.until(() => heldBy(c)[2]! > 0);
    const two = c.member('be1').worker.holder.held().at(-1)!;
    tells(c, 'be1', busy(1, [two], 0.4));
    await c.until(() => heldBy(c)[2]! > 1300);
    await c.clock.advance(9000);
    t.equal(await hotMoves(), 0);
    await c.until(() => ownerOf(c, two) !== 'be1', HOT_MS);
    t.equal(await hotMoves(), 1, 'ten seconds later');
  },
);

void t.test('an operator moves a slot', async (t) => {
  const c = await cluster(t, { be1: 100, be2: 100, be3: 100 });
  await c.add('fe1', 'frontend');
  await c.balanced();
  const { node } = c.member('fe1').worker;
  await c.until(() => node.isReady());
  const slot = c.member('be1').worker.holder.held()[5]!;
  const options = { timeoutMs: 5000 };
  const asked = async (moving: Promise<void>): Promise<unknown> => {
    let answer: unknown;
    void moving.then(
      () => (answer = 'moved'),
      (error: unknown) => (answer = (error as { code?: unknown }).code),
    );
    await c.until(() => answer !== undefined);
    return answer;
  };
  t.equal(await asked(node.moveSlot(slot, 'be2', options)), 'moved');
  t.equal(ownerOf(c, slot), 'be2');
  t.equal(node.map.owner(slot)?.member, 'be2', 'whoever asked sees it there');
  t.equal(await asked(node.moveSlot(slot, 'be2', options)), 'moved', 'it is there already');
  t.equal(await asked(c.member('be3').node.moveSlot(slot, 'be3', options)), 'moved', 'asked at a supervisor');
  await c.clock.advance(5000);
  t.equal(ownerOf(c, slot), 'be3', 'and it stays');
  t.equal(await asked(node.moveSlot(slot, 'be9', options)), 'not-found');
  t.equal(await asked(node.moveSlot(slot, 'fe1', options)), 'refused', 'a frontend takes no slots');
  void c.member('be1').worker.node.drain(new AbortController().signal);
  await c.until(() => heldBy(c)[0] === 0, SETTLED_MS);
  t.equal(await asked(node.moveSlot(slot, 'be1', options)), 'refused', 'nor does who drains');
  await node.refreshStatus(1000);
  t.match(node.moves(), { operator: 2 });
});

void t.test(
  'a slot whose holder does not let go comes when it does; the caller is told in time',
  async (t) => {
    const c = await cluster(t, { be1: 100, be2: 100 });
    await c.balanced();
    const { holder, node } = c.member('be1').worker;
    const slot = holder.held()[0]!;
    const { promise, resolve } = Promise.withResolvers<void>();
    holder.releasing = promise;
    let answer: unknown;
    node.moveSlot(slot, 'be2', { timeoutMs: 1000 }).catch((error: unknown) => (answer = error));
    await c.until(() => answer !== undefined);
    t.match(answer, { code: 'unknown' });
    t.equal(ownerOf(c, slot), 'be1');
    resolve();
    await c.until(() => ownerOf(c, slot) === 'be2');
  },
);

void t.test('the wish outlives its target no longer than it makes sense', async (t) => {
  const c = await cluster(t, { be1: 100, be2: 100, be3: 100 });
  await c.balanced();
  const controller = c.controllers[0]!;
  const [from, to] = ['be1', 'be2', 'be3'].filter((name) => name !== controller) as [string, string];
  const { holder } = c.member(from).worker;
  const slot = holder.held()[0]!;
  const { promise, resolve } = Promise.withResolvers<void>();
  holder.releasing = promise;
  const moving = c.member(controller).worker.node.moveSlot(slot, to, { timeoutMs: 1000 });
  moving.catch(() => undefined);
  await c.clock.advance(300);
  const lost = c.member(to);
  c.hub.crash(lost.worker.bus);
  c.member(to).node.workerExited(lost.worker.bus.self.incarnation);
  await c.clock.advance(300);
  resolve();
  await c.until(() => ownerOf(c, slot) !== undefined && ownerOf(c, slot) !== to, SETTLED_MS);
  t.pass(`somebody has it: ${ownerOf(c, slot)}`);
});

/** Who gets which slots: shares by weight, bounded moves, and only for a reason. */
import t from 'tap';
import { Assigner, type Eligible, type Plan } from '../../../src/cluster/leases/assign.ts';
import { MoveBudget } from '../../../src/cluster/leases/move-budget.ts';
import { type Incarnation, SLOTS, type Slot } from '../../../src/store/ids.ts';

const TIMES = { movesPerSecond: 400, movesAtOnce: 16, rebalanceAfterMs: 1000 };
const id = (name: string) => name.repeat(32) as Incarnation;
const worker = (name: string, slots: number, { draining = false, weight = 100 } = {}): Eligible => ({
  incarnation: id(name),
  slots,
  draining,
  weight,
});
const all = Array.from({ length: SLOTS }, (_, i) => i as Slot);

/** An assigner with its budget, as the giver has them. */
class Bed {
  readonly assigner: Assigner;
  readonly budget: MoveBudget;

  constructor(now: number) {
    this.assigner = new Assigner(now, TIMES);
    this.budget = new MoveBudget(now, TIMES);
  }

  plan(
    now: number,
    workers: readonly Eligible[],
    free: readonly Slot[],
    moving: number,
    notTo?: (slot: Slot) => Incarnation | undefined,
  ): Plan & { readonly more: boolean } {
    this.budget.open(now, moving);
    const plan = this.assigner.plan(now, workers, free, this.budget, notTo);
    return { ...plan, more: this.budget.short };
  }
}

const balance = (name: string, count: number) => ({ from: id(name), count, reason: 'balance' }) as const;

void t.test('free slots go to those with the fewest', async (t) => {
  const plan = new Bed(0).plan(0, [worker('a', 1000), worker('b', 0)], all.slice(0, 3000), 0);
  const to = (name: string) => plan.grants.filter(([, incarnation]) => incarnation === id(name)).length;
  t.same([to('a'), to('b')], [1000, 2000]);
  t.equal(new Set(plan.grants.map(([slot]) => slot)).size, 3000, 'each slot once');
});

void t.test('free slots go by weight', async (t) => {
  for (const [weights, expected] of [
    [
      [100, 100],
      [2048, 2048],
    ],
    [
      [200, 100],
      [2731, 1365],
    ],
    [
      [100, 1000, 900],
      [205, 2048, 1843],
    ],
    [
      [1, 1, 2],
      [1024, 1024, 2048],
    ],
  ] as const) {
    const workers = weights.map((weight, i) => worker('abc'[i]!, 0, { weight }));
    const { grants } = new Bed(0).plan(0, workers, all, 0);
    const counts = workers.map(({ incarnation }) => grants.filter(([, to]) => to === incarnation).length);
    for (const [i, count] of counts.entries())
      t.ok(Math.abs(count - expected[i]!) <= 1, `${weights.join(':')} are ${counts.join(':')}`);
  }
});

void t.test('nobody, or only one that drains: slots stay free', async (t) => {
  const bed = new Bed(0);
  t.same(bed.plan(0, [], all, 0).grants, []);
  t.same(bed.plan(0, [worker('a', 0, { draining: true })], all, 0).grants, []);
});

void t.test('moves wait until the workers have not changed for a while, and are bounded', async (t) => {
  const bed = new Bed(0);
  const workers = [worker('a', SLOTS), worker('b', 0)];
  t.same(bed.plan(0, workers, [], 0).takeBack, []);
  t.same(bed.plan(999, workers, [], 0).takeBack, []);
  t.ok(bed.assigner.isSettling);
  const plan = bed.plan(1000, workers, [], 0);
  t.same(plan.takeBack, [balance('a', TIMES.movesAtOnce)]);
  t.ok(plan.more);
  t.same(bed.plan(1001, workers, [], TIMES.movesAtOnce).takeBack, [], 'as many are under way');
  t.same(bed.plan(1010, workers, [], 0).takeBack, [balance('a', 4)], 'and a rate: 400 a second');
});

void t.test('they go on until each has its share by its weight', async (t) => {
  const bed = new Bed(0);
  let [a, b] = [SLOTS, 0];
  for (let now = 0; now < 20_000; now += 50) {
    const plan = bed.plan(now, [worker('a', a), worker('b', b, { weight: 300 })], [], 0);
    for (const { from, count } of plan.takeBack) {
      t.equal(from, id('a'));
      a -= count;
      b += count;
    }
  }
  t.same([a, b], [1024, 3072]);
  t.notOk(bed.assigner.isSettling);
});

void t.test(
  '"when workers came, went or changed their weight": else an even cluster is left alone',
  async (t) => {
    const bed = new Bed(0);
    const even = [worker('a', 2048), worker('b', 2048)];
    bed.plan(0, even, [], 0);
    t.same(bed.plan(5000, even, [], 0).takeBack, []);
    t.notOk(bed.assigner.isSettling);
    t.same(bed.plan(9000, [worker('a', 4000), worker('b', 96)], [], 0).takeBack, [], 'nobody came or went');
    const heavier = [worker('a', 2048), worker('b', 2048, { weight: 200 })];
    t.same(bed.plan(10_000, heavier, [], 0).takeBack, [], 'it may change again');
    t.same(bed.plan(11_000, heavier, [], 0).takeBack, [balance('a', 16)], 'b is to have twice as many');
  },
);

void t.test('hysteresis: a tenth more than its share is not worth a move', async (t) => {
  for (const [slots, weight, moves] of [
    [2252, 100, false],
    [2253, 100, true],
    // Shares are 3072 and 1024.
    [3379, 300, false],
    [3380, 300, true],
  ] as const) {
    const bed = new Bed(0);
    const workers = [worker('a', slots, { weight }), worker('b', SLOTS - slots)];
    bed.plan(0, workers, [], 0);
    t.equal(bed.plan(2000, workers, [], 0).takeBack.length > 0, moves, `${slots} of weight ${weight}`);
  }
});

void t.test('a draining worker is emptied at once, and gets nothing', async (t) => {
  const bed = new Bed(-1000);
  const workers = [worker('a', 5, { draining: true }), worker('b', 4091)];
  const plan = bed.plan(0, workers, [1 as Slot], 0);
  t.same(plan.takeBack, [{ from: id('a'), count: 5, reason: 'drain' }]);
  t.same(plan.grants, [[1, id('b')]]);
});

void t.test('who drains goes first, then those that have too many', async (t) => {
  const bed = new Bed(-5000);
  const workers = [worker('a', 10, { draining: true }), worker('b', 3000), worker('c', 1086)];
  bed.plan(-1000, workers, [], 0);
  t.same(bed.plan(1000, workers, [], 0).takeBack, [
    { from: id('a'), count: 10, reason: 'drain' },
    balance('b', 6),
  ]);
});

void t.test('a slot is not given to who could not take it; with nobody else it stays free', async (t) => {
  const bed = new Bed(0);
  const notTo = (slot: Slot) => (slot === 1 ? id('a') : undefined);
  const free = [0, 1, 2] as Slot[];
  t.same(bed.plan(0, [worker('a', 0), worker('b', 9)], free, 0, notTo).grants, [
    [0, id('a')],
    [1, id('b')],
    [2, id('a')],
  ]);
  t.same(bed.plan(0, [worker('a', 0)], free, 0, notTo).grants, [
    [0, id('a')],
    [2, id('a')],
  ]);
});

void t.test('when all drain nothing is taken from anybody: nobody could serve it', async (t) => {
  const bed = new Bed(-1000);
  const draining = true;
  t.same(bed.plan(0, [worker('a', 5, { draining }), worker('b', 9, { draining })], [], 0).takeBack, []);
});

/** Who gets which slots: balance, bounded moves, and only for a reason. */
import t from 'tap';
import { Assigner, type Eligible } from '../../../src/cluster/leases/assign.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';
import { type Incarnation, SLOTS, type Slot } from '../../../src/store/ids.ts';

const id = (name: string) => name.repeat(32) as Incarnation;
const worker = (name: string, slots: number, draining = false): Eligible => ({
  incarnation: id(name),
  slots,
  draining,
});
const all = Array.from({ length: SLOTS }, (_, i) => i as Slot);

void t.test('free slots go to those with the fewest', async (t) => {
  const plan = new Assigner(0, DEFAULT_TIMES).plan(
    0,
    [worker('a', 1000), worker('b', 0)],
    all.slice(0, 3000),
    0,
  );
  const to = (name: string) => plan.grants.filter(([, incarnation]) => incarnation === id(name)).length;
  t.same([to('a'), to('b')], [1000, 2000]);
  t.equal(new Set(plan.grants.map(([slot]) => slot)).size, 3000, 'each slot once');
});

void t.test('nobody, or only one that drains: slots stay free', async (t) => {
  const assigner = new Assigner(0, DEFAULT_TIMES);
  t.same(assigner.plan(0, [], all, 0).grants, []);
  t.same(assigner.plan(0, [worker('a', 0, true)], all, 0).grants, []);
});

void t.test('moves wait until the workers have not changed for a while, and are bounded', async (t) => {
  const assigner = new Assigner(0, DEFAULT_TIMES);
  const workers = [worker('a', SLOTS), worker('b', 0)];
  t.same(assigner.plan(0, workers, [], 0).takeBack, []);
  t.same(assigner.plan(999, workers, [], 0).takeBack, []);
  const plan = assigner.plan(1000, workers, [], 0);
  t.same(plan.takeBack, [[id('a'), DEFAULT_TIMES.movesAtOnce]]);
  t.ok(plan.more);
  t.same(assigner.plan(1001, workers, [], DEFAULT_TIMES.movesAtOnce).takeBack, [], 'as many are under way');
  t.same(assigner.plan(1010, workers, [], 0).takeBack, [[id('a'), 4]], 'and a rate: 400 a second');
});

void t.test(
  '"only when members join, leave or drain": an even cluster is left alone, later too',
  async (t) => {
    const assigner = new Assigner(0, DEFAULT_TIMES);
    assigner.plan(0, [worker('a', 2048), worker('b', 2048)], [], 0);
    t.same(assigner.plan(5000, [worker('a', 2048), worker('b', 2048)], [], 0).takeBack, []);
    t.same(
      assigner.plan(9000, [worker('a', 4000), worker('b', 96)], [], 0).takeBack,
      [],
      'nobody came or went',
    );
  },
);

void t.test('hysteresis: a tenth more than its share is not worth a move', async (t) => {
  const assigner = new Assigner(0, DEFAULT_TIMES);
  const workers = [worker('a', 2200), worker('b', 1896)];
  assigner.plan(0, workers, [], 0);
  t.same(assigner.plan(2000, workers, [], 0).takeBack, []);
});

void t.test('a draining worker is emptied at once, and gets nothing', async (t) => {
  const assigner = new Assigner(-1000, DEFAULT_TIMES);
  const workers = [worker('a', 5, true), worker('b', 4091)];
  const plan = assigner.plan(0, workers, [1 as Slot], 0);
  t.same(plan.takeBack, [[id('a'), 5]]);
  t.same(plan.grants, [[1, id('b')]]);
});

void t.test('a slot is not given to who could not take it; with nobody else it stays free', async (t) => {
  const assigner = new Assigner(0, DEFAULT_TIMES);
  const notTo = (slot: Slot) => (slot === 1 ? id('a') : undefined);
  const free = [0, 1, 2] as Slot[];
  t.same(assigner.plan(0, [worker('a', 0), worker('b', 9)], free, 0, notTo).grants, [
    [0, id('a')],
    [1, id('b')],
    [2, id('a')],
  ]);
  t.same(assigner.plan(0, [worker('a', 0)], free, 0, notTo).grants, [
    [0, id('a')],
    [2, id('a')],
  ]);
});

void t.test('when all drain nothing is taken from anybody: nobody could serve it', async (t) => {
  const assigner = new Assigner(-1000, DEFAULT_TIMES);
  t.same(assigner.plan(0, [worker('a', 5, true), worker('b', 9, true)], [], 0).takeBack, []);
});

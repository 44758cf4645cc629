/** All moves together: so many a second, so many at once. */
import t from 'tap';
import { MoveBudget } from '../../../src/cluster/leases/move-budget.ts';

const TIMES = { movesPerSecond: 10, movesAtOnce: 4 };

void t.test('so many at once', (t) => {
  const budget = new MoveBudget(0, TIMES);
  budget.open(0, 0);
  t.equal(budget.take(1), 0, 'nothing is saved in no time');
  t.ok(budget.short);
  budget.open(60_000, 0);
  t.notOk(budget.short);
  t.same([budget.take(3), budget.take(3)], [3, 1], 'a minute saves no more than that');
  t.ok(budget.short);
  budget.open(120_000, 3);
  t.equal(budget.take(9), 1, 'three are under way');
  budget.open(180_000, 9);
  t.equal(budget.take(1), 0, 'more than may be are under way');
  t.equal(budget.take(0), 0);
  t.end();
});

void t.test('so many a second', (t) => {
  const budget = new MoveBudget(0, TIMES);
  let moved = 0;
  for (let now = 0; now <= 10_000; now += 7) {
    budget.open(now, 0);
    moved += budget.take(100);
  }
  t.ok(moved >= 98 && moved <= 100, `${moved} in ten seconds`);
  t.end();
});

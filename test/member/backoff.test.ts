/** When a dead worker is started again. */
import t from 'tap';
import { Backoff } from '../../src/member/backoff.ts';

const LIMITS = { firstMs: 100, maxMs: 1000, healthyMs: 5000 };

void t.test('at once, then ever later, up to the maximum', async (t) => {
  const backoff = new Backoff(LIMITS);
  t.same(
    Array.from({ length: 7 }, () => backoff.died(10)),
    [0, 100, 200, 400, 800, 1000, 1000],
  );
});

void t.test('a worker that lived long starts a new row', async (t) => {
  const backoff = new Backoff(LIMITS);
  for (let i = 0; i < 5; i++) backoff.died(10);
  t.equal(backoff.died(5000), 0);
  t.equal(backoff.died(10), 100);
});

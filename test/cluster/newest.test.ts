/** A bounded set forgets the oldest. */
import t from 'tap';
import { Newest } from '../../src/cluster/newest.ts';

void t.test('of more than its bound the oldest are forgotten', async (t) => {
  const newest = new Newest<number>(3);
  for (const item of [1, 2, 3, 1, 4]) newest.add(item);
  t.same([...newest], [2, 3, 4], 'what was added again is no newer for that');
  t.notOk(newest.has(1));
  newest.delete(3);
  newest.add(5);
  t.same([...newest], [2, 4, 5]);
});

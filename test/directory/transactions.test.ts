import t from 'tap';
import { TransactionNumbers } from '../../src/directory/transactions.ts';
import type { Incarnation } from '../../src/store/ids.ts';

void t.test('numbers grow, and the lowest open one follows those that are done', async (t) => {
  const incarnation = 'a'.repeat(32) as Incarnation;
  const numbers = new TransactionNumbers(incarnation);
  const [one, two, three] = [numbers.begin(), numbers.begin(), numbers.begin()];
  t.same(three.id, { incarnation, number: 3, lowestOpen: 1 });
  two[Symbol.dispose]();
  t.equal(three.id.lowestOpen, 1);
  one[Symbol.dispose]();
  t.equal(three.id.lowestOpen, 3, 'asked anew each time it is sent');
  three[Symbol.dispose]();
  t.same(numbers.begin().id, { incarnation, number: 4, lowestOpen: 4 });
});

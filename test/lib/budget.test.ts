/** The budget of octets: never more than there is, and what is given back is there again. */
import * as fc from 'fast-check';
import t from 'tap';
import { createBudget } from '../../src/lib/budget.ts';

void t.test('takes as long as there is enough', (t) => {
  const budget = createBudget(10);
  t.equal(budget.take(7), true);
  t.equal(budget.take(4), false);
  t.equal(budget.takenOctets, 7, 'nothing of a refused one was taken');
  t.equal(budget.take(3), true);
  t.equal(budget.take(0), true, 'nothing always fits');
  t.equal(budget.take(1), false);
  budget.give(10);
  t.equal(budget.takenOctets, 0);
  t.throws(() => budget.give(1), RangeError, 'nobody gives back what was not taken');
  for (const wrong of [-1, 1.5, NaN, Infinity]) {
    t.throws(() => budget.take(wrong), RangeError);
    t.throws(() => budget.give(wrong), RangeError);
  }
  t.end();
});

void t.test('property: what is taken is the sum of what was granted and not given back', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 60 }), (steps) => {
      const budget = createBudget(250);
      const held: number[] = [];
      for (const octets of steps) {
        const sum = held.reduce((a, b) => a + b, 0);
        if (budget.take(octets)) held.push(octets);
        else {
          if (sum + octets <= 250) return false;
          budget.give(held.shift() ?? 0);
        }
      }
      return budget.takenOctets === held.reduce((a, b) => a + b, 0) && budget.takenOctets <= 250;
    }),
    { numRuns: 200 },
  );
  t.end();
});

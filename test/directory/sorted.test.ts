/** Sorting in turns gives what sorting at once gives, and lets the event loop run in between. */
import t from 'tap';
import { sortedInTurns } from '../../src/directory/sorted.ts';
import { Prng } from '../support/prng.ts';

void t.test('the same order as sort, for any number of names', async (t) => {
  const random = new Prng(7);
  for (const count of [0, 1, 4999, 5000, 5001, 23_456]) {
    const names = Array.from({ length: count }, () => `u${random.below(1_000_000)}.é${random.below(9)}`);
    let rests = 0;
    const clock = { sleep: async () => void rests++ };
    t.strictSame(await sortedInTurns(names, clock), names.toSorted(), `${count} names`);
    t.ok(rests >= Math.floor(count / 5001), `${rests} turns`);
  }
});

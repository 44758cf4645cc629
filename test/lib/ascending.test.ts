import fc from 'fast-check';
import t from 'tap';
import { firstNot } from '../../src/lib/ascending.ts';

const SEED = 20261121;

void t.test('the same as looking at each', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 40 }), fc.nat(32), fc.nat(40), (values, wanted, start) => {
      const sorted = values.toSorted((a, b) => a - b);
      const from = Math.min(start, sorted.length);
      const expected = sorted.findIndex((value, index) => index >= from && value >= wanted);
      const asked: number[] = [];
      const found = firstNot(from, sorted.length, (index) => {
        asked.push(index);
        return (sorted[index] as number) < wanted;
      });
      return (
        found === (expected < 0 ? sorted.length : expected) &&
        asked.every((index) => index >= from && index < sorted.length) &&
        asked.length <= 6
      );
    }),
    { numRuns: 300, seed: SEED },
  );
  t.pass(`seed ${SEED}`);
});

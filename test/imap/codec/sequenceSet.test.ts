import fc from 'fast-check';
import t from 'tap';
import { formatNumbers, formatRanges, holds, normalRanges } from '../../../src/imap/codec/sequenceSet.ts';
import { STAR } from '../../../src/imap/codec/types.ts';

const SEED = 20260908;

void t.test('RFC 9051 section 9: "*" is the largest number in use', async (t) => {
  const table: readonly (readonly [number, number, number, readonly number[]])[] = [
    [STAR, STAR, 5, [5, 5]],
    [3, STAR, 5, [3, 5]],
    // "a UID range of 559:* always includes the UID of the last message in the mailbox".
    [559, STAR, 5, [5, 559]],
    [5, STAR, 5, [5, 5]],
  ];
  for (const [from, to, largest, expected] of table)
    t.strictSame(
      normalRanges([{ from, to }], largest).map((range) => [range.from, range.to]),
      [expected],
    );
  t.strictSame(normalRanges([{ from: 1, to: STAR }], 0), [], 'in an empty mailbox it is nothing');
  t.strictSame(normalRanges([{ from: 1, to: 4 }], 0), [{ from: 1, to: 4 }]);
});

void t.test('ranges hold exactly what they say', async (t) => {
  const bound = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(STAR));
  const ranges = fc.array(
    fc.tuple(bound, bound).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(
      ranges,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 45 }),
      (ranges, largest, value) => {
        const fixed = (bound: number) => (bound === STAR ? largest : bound);
        const expected = ranges.some((range) => {
          const [a, b] = [fixed(range.from), fixed(range.to)];
          return value >= Math.min(a, b) && value <= Math.max(a, b);
        });
        return holds(normalRanges(ranges, largest), value) === expected;
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('numbers as a set', async (t) => {
  t.equal(formatNumbers([]), '');
  t.equal(formatNumbers([2, 4, 5, 6, 9]), '2,4:6,9');
  t.equal(formatNumbers(new Set([1, 2])), '1:2');
  t.equal(
    formatRanges([
      [2, 2],
      [4, 6],
    ]),
    '2,4:6',
  );
  t.equal(formatRanges([]), '');
});

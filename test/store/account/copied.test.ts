/** What COPY and MOVE give (RFC 4315 section 3, COPYUID). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { CopiedBuilder, newUids } from '../../../src/store/account/copied.ts';
import { countOf, uidsOf } from '../../../src/store/account/ranges.ts';
import { pairs, ranges } from './support.ts';

const SEED = 20_261_121;

void t.test(
  'commits that follow each other are one run, where others came in between there are more',
  async (t) => {
    const builder = new CopiedBuilder();
    builder.add(ranges(1, 2, 5), 10);
    builder.add([], 99);
    builder.add(ranges(6, 8), 13);
    builder.add(ranges(9), 20);
    const copied = builder.done(7);
    t.strictSame(copied, {
      uidValidity: 7,
      from: ranges(1, 2, 5, 6, 8, 9),
      runs: [
        { at: 0, to: 10 },
        { at: 5, to: 20 },
      ],
    });
    t.strictSame(newUids(copied), [
      [10, 14],
      [20, 20],
    ]);
    t.strictSame(new CopiedBuilder().done(7), { uidValidity: 7, from: [], runs: [] });
    t.strictSame(newUids({ from: [], runs: [] }), []);
  },
);

void t.test('both sides name as many messages, in the same order', async (t) => {
  const commit = fc.tuple(fc.uniqueArray(fc.nat(8)), fc.nat(2));
  fc.assert(
    fc.property(fc.array(commit, { maxLength: 6 }), (commits) => {
      const builder = new CopiedBuilder();
      const expected: number[][] = [];
      let next = 1;
      for (const [index, [some, others]] of commits.entries()) {
        next += others;
        const from = ranges(...some.map((uid) => index * 9 + uid + 1));
        builder.add(from, next);
        for (const uid of uidsOf(from)) expected.push([uid, next++]);
      }
      const copied = builder.done(1);
      assert.equal(countOf(newUids(copied)), countOf(copied.from));
      assert.deepEqual(pairs(copied), expected);
    }),
    { seed: SEED, numRuns: 300 },
  );
  t.pass(`seed ${SEED}`);
});

/** Sets of UIDs as ranges. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Decoder, Encoder } from '../../../src/lib/encoder.ts';
import { UID_MAX } from '../../../src/store/account/limits.ts';
import { decodeRanges, encodeRanges, rangesOf, uidsOf } from '../../../src/store/account/ranges.ts';
import type { Uid } from '../../../src/store/account/types.ts';
import { uids } from './support.ts';

void t.test('any UIDs, in any order, more than once', async () => {
  const uid = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: UID_MAX - 3, max: UID_MAX }));
  fc.assert(
    fc.property(fc.array(uid), (some) => {
      const ranges = rangesOf(some as Uid[]);
      assert.deepEqual(
        uidsOf(ranges),
        [...new Set(some)].sort((a, b) => a - b),
      );
      for (const [index, [first]] of ranges.entries())
        if (index > 0) assert.ok(first > (ranges[index - 1]?.[1] ?? 0) + 1, 'neighbours are joined');
      const encoder = new Encoder();
      encodeRanges(encoder, ranges);
      assert.deepEqual(decodeRanges(new Decoder(encoder.done())), ranges);
    }),
    { numRuns: 300 },
  );
});

void t.test('what is no UID is left out', async (t) => {
  t.same(rangesOf(uids(0, -1, 1.5, UID_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY, 3)), [[3, 3]]);
  t.same(rangesOf([]), []);
});

/** Sets of UIDs as ranges. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Decoder, Encoder } from '../../../src/lib/encoder.ts';
import { Columns } from '../../../src/store/account/columns.ts';
import { UID_MAX } from '../../../src/store/account/limits.ts';
import {
  countOf,
  decodeRanges,
  encodeRanges,
  holdsUid,
  RangeBuilder,
  rangesOf,
  UidCursor,
  uidsOf,
  without,
} from '../../../src/store/account/ranges.ts';
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

void t.test('a part at a time, while rows come and go', async (t) => {
  const rows = new Columns();
  for (const uid of [2, 3, 5, 8, 9, 10, 20])
    rows.push({ uid, modseq: 1, blob: 1, dateMs: 0, bits: 0, keywords: 0 });
  const cursor = new UidCursor(rangesOf([1, 2, 3, 4, 5, 9, 10, 20, 30] as Uid[]));
  const next = (count: number) =>
    cursor
      .next(rows, count)
      .flatMap(([from, to]) => Array.from({ length: to - from }, (_, index) => rows.uid(from + index)));
  t.same(next(2), [2, 3]);
  rows.remove([[0, 2]]);
  t.same(next(2), [5, 9]);
  rows.remove([[2, 3]]);
  rows.push({ uid: 30, modseq: 1, blob: 1, dateMs: 0, bits: 0, keywords: 0 });
  t.notOk(cursor.isAtEnd);
  t.same(next(9), [10, 20, 30]);
  t.ok(cursor.isAtEnd);
  t.same(next(9), []);
});

void t.test('ranges in which there is nothing are looked at in parts too', async (t) => {
  const rows = new Columns();
  rows.push({ uid: 1000, modseq: 1, blob: 1, dateMs: 0, bits: 0, keywords: 0 });
  const cursor = new UidCursor(rangesOf(Array.from({ length: 500 }, (_, index) => 2 * (index + 1)) as Uid[]));
  const found: number[] = [];
  for (let part = 0; part < 50; part++) {
    t.notOk(cursor.isAtEnd);
    for (const [from, to] of cursor.next(rows, 10)) found.push(from, to);
  }
  t.ok(cursor.isAtEnd);
  t.same(found, [0, 1]);
});

void t.test('sets of UIDs as sets', async () => {
  const set = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 });
  fc.assert(
    fc.property(set, set, (some, others) => {
      const [ours, theirs] = [rangesOf(some as Uid[]), rangesOf(others as Uid[])];
      const left = [...without(ours, theirs)];
      assert.deepEqual(
        uidsOf(left),
        uidsOf(ours).filter((uid) => !others.includes(uid)),
      );
      assert.ok(left.every(([first, last]) => first <= last));
      assert.equal(countOf(ours), new Set(some).size);
      for (let uid = 0; uid < 33; uid++) assert.equal(holdsUid(ours, uid), some.includes(uid));
      const builder = new RangeBuilder();
      builder.addAll(ours);
      for (const [first, last] of theirs) builder.addRange(first + 100, last + 100);
      assert.deepEqual(builder.ranges, rangesOf([...some, ...others.map((uid) => uid + 100)] as Uid[]));
    }),
    { numRuns: 500 },
  );
});

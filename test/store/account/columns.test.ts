/** Columns against an array of rows. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Columns, type Row } from '../../../src/store/account/columns.ts';
import { rangesOf } from '../../../src/store/account/ranges.ts';
import type { Uid } from '../../../src/store/account/types.ts';

function rowsOf(columns: Columns): Row[] {
  return Array.from({ length: columns.count }, (_, index) => ({
    uid: columns.uid(index),
    modseq: columns.modseq(index),
    blob: columns.blob(index),
    dateMs: columns.dateMs(index),
    bits: columns.bits(index),
    keywords: columns.keywords(index),
  }));
}

type Step =
  | { readonly kind: 'push'; readonly gap: number; readonly bits: number; readonly keywords: number }
  | { readonly kind: 'flags'; readonly at: number; readonly bits: number }
  | { readonly kind: 'remove'; readonly uids: readonly number[] };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('push' as const),
    gap: fc.integer({ min: 1, max: 3 }),
    bits: fc.nat(31),
    keywords: fc.nat(2 ** 24 - 1),
  }),
  fc.record({ kind: fc.constant('flags' as const), at: fc.nat(50), bits: fc.nat(31) }),
  fc.record({ kind: fc.constant('remove' as const), uids: fc.array(fc.integer({ min: 1, max: 80 })) }),
);

void t.test('rows as pushed, changed and removed', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const columns = new Columns();
      let model: Row[] = [];
      let uid = 0;
      for (const [number, one] of steps.entries()) {
        if (one.kind === 'push') {
          uid += one.gap;
          const row = { uid, modseq: number, blob: 2 ** 40 + uid, dateMs: -uid, bits: one.bits };
          columns.push({ ...row, keywords: one.keywords });
          model.push({ ...row, keywords: one.keywords });
        } else if (one.kind === 'flags' && one.at < model.length) {
          columns.setFlags(one.at, one.bits, 3, number);
          model[one.at] = { ...(model[one.at] as Row), bits: one.bits, keywords: 3, modseq: number };
        } else if (one.kind === 'remove') {
          columns.remove([...columns.spans(rangesOf(one.uids as Uid[]))]);
          model = model.filter((row) => !one.uids.includes(row.uid));
        }
        assert.deepEqual(rowsOf(columns), model);
      }
      for (let probe = 0; probe <= uid + 1; probe++) {
        const bound = model.filter((row) => row.uid < probe).length;
        if (columns.lowerBound(probe) !== bound) throw new Error(`lowerBound ${probe}`);
        if (columns.indexOf(probe) !== model.findIndex((row) => row.uid === probe))
          throw new Error(`indexOf ${probe}`);
      }
    }),
    { numRuns: 200 },
  );
});

void t.test('there is no row outside', async (t) => {
  const columns = new Columns();
  columns.push({ uid: 1, modseq: 1, blob: 1, dateMs: 0, bits: 0, keywords: 0 });
  for (const index of [-1, 1, 1.5, Number.NaN])
    t.throws(() => columns.setFlags(index, 0, 0, 1), RangeError, String(index));
});

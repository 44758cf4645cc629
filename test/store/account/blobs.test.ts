/** The blob table against a Map. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { BlobTable } from '../../../src/store/account/blobs.ts';

const place = (octets: number) => ({
  record: { file: 2, offset: 2 ** 40 + octets, octets: octets + 3 },
  octets,
});

type Step = { readonly kind: 'put' | 'retain' | 'release'; readonly id: number; readonly octets: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('put' as const, 'put' as const, 'retain' as const, 'release' as const),
  id: fc.integer({ min: 1, max: 30 }),
  octets: fc.nat(100),
});

void t.test('places and references, put in any order', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const table = new BlobTable();
      const model = new Map<number, { octets: number; references: number }>();
      for (const { kind, id, octets } of steps) {
        const blob = model.get(id);
        if (kind === 'put') {
          table.put(id, place(octets));
          model.set(id, { octets, references: blob?.references ?? 0 });
        } else if (kind === 'retain' && blob !== undefined) {
          table.retain(id);
          blob.references++;
        } else if (kind === 'release' && blob !== undefined && blob.references > 0) {
          table.release(id);
          if (--blob.references === 0) model.delete(id);
        }
      }
      assert.deepEqual(
        [...table.ids()],
        [...model.keys()].sort((a, b) => a - b),
      );
      let live = 0;
      for (const [id, { octets, references }] of model) {
        assert.deepEqual(table.place(id), place(octets));
        assert.equal(table.references(id), references);
        if (references > 0) live += octets;
      }
      assert.equal(table.liveOctets, live);
      assert.equal(table.count, model.size);
    }),
    { numRuns: 200 },
  );
});

void t.test('an id is never given twice, also after its blob has gone', async (t) => {
  const table = new BlobTable();
  table.put(5, place(1));
  table.retain(5);
  table.release(5);
  t.equal(table.nextId, 6);
  t.equal(table.place(5), undefined);
  t.throws(() => table.retain(5), RangeError);
  t.throws(() => table.release(5), RangeError);
});

void t.test('thousands of dead blobs are swept away from between the living', async (t) => {
  const table = new BlobTable();
  for (let id = 1; id <= 6000; id++) {
    table.put(id, place(id));
    table.retain(id);
  }
  for (let id = 1; id <= 6000; id++) if (id % 5 > 0) table.release(id);
  t.equal(table.count, 1200);
  t.same([...table.ids()].slice(0, 3), [5, 10, 15]);
  for (let id = 1; id <= 6000; id++) t.equal(table.has(id), id % 5 === 0);
  t.same(table.place(3000), place(3000));
});

/** A worker's load on the wire: what goes out comes in, what is absent stays so, nonsense is refused. */
import fc from 'fast-check';
import t from 'tap';
import { HOTTEST_MAX, loadBody, readLoad, WEIGHT_MAX } from '../../../src/cluster/leases/load.ts';
import type { WorkerLoad } from '../../../src/cluster/types.ts';
import { SLOTS, type Slot } from '../../../src/store/ids.ts';

const SEED = 20261120;
const LOAD: WorkerLoad = {
  weight: 100,
  processor: 0.254,
  operations: 1234,
  hottest: [
    { slot: 7 as Slot, operations: 1000 },
    { slot: (SLOTS - 1) as Slot, operations: 3 },
  ],
};

void t.test('there and back', (t) => {
  t.strictSame(readLoad(loadBody(LOAD)), LOAD);
  const rate = fc.record(
    { slot: fc.integer({ min: 0, max: SLOTS - 1 }), operations: fc.nat() },
    { noNullPrototype: true },
  );
  const any = fc.record({
    weight: fc.integer({ min: 1, max: WEIGHT_MAX }),
    processor: fc.double({ min: 0, max: 4, noNaN: true }),
    operations: fc.double({ min: 0, max: 1e9, noNaN: true }),
    hottest: fc.array(rate, { maxLength: HOTTEST_MAX }),
  });
  fc.assert(
    fc.property(any, (load) => {
      const read = readLoad(structuredClone(loadBody(load as unknown as WorkerLoad)))!;
      t.equal(read.weight, load.weight);
      t.ok(Math.abs(read.processor - load.processor) <= 0.0005 + 1e-9);
      t.ok(Math.abs(read.operations - load.operations) <= 0.5);
      t.strictSame(read.hottest, load.hottest);
      t.strictSame(readLoad(loadBody(read)), read, 'what was read is written alike');
    }),
    { numRuns: 200, seed: SEED },
  );
  t.end();
});

void t.test('a worker of an earlier version tells none', (t) => {
  t.equal(readLoad(null), undefined);
  t.equal(readLoad(undefined), undefined);
  t.end();
});

void t.test('a weight beyond all sense takes nobody else everything', (t) => {
  t.equal(readLoad({ ...loadBody(LOAD), weight: 0 })?.weight, 1);
  t.equal(readLoad({ ...loadBody(LOAD), weight: 1e12 })?.weight, WEIGHT_MAX);
  t.end();
});

void t.test('fields that are not known are passed over', (t) => {
  t.strictSame(readLoad({ ...loadBody(LOAD), memory: 5 }), LOAD);
  t.end();
});

const BAD: readonly (readonly [what: string, body: unknown])[] = [
  ['no object', 5],
  ['an array', []],
  ['a weight that is none', { ...loadBody(LOAD), weight: '100' }],
  ['no processor', { ...loadBody(LOAD), processor: undefined }],
  ['less than nothing', { ...loadBody(LOAD), operations: -1 }],
  ['a slot that there is not', { ...loadBody(LOAD), hottest: [SLOTS, 1] }],
  ['a slot without its operations', { ...loadBody(LOAD), hottest: [1, 2, 3] }],
  ['too many', { ...loadBody(LOAD), hottest: Array.from({ length: 2 * HOTTEST_MAX + 2 }, () => 1) }],
];

void t.test('nonsense', (t) => {
  for (const [what, body] of BAD) t.throws(() => readLoad(body), { code: 'invalid' }, what);
  fc.assert(
    fc.property(fc.object({ key: fc.constantFrom(...Object.keys(loadBody(LOAD))) }), (body) => {
      try {
        const read = readLoad(body);
        if (read !== undefined) t.strictSame(readLoad(loadBody(read)), read);
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'invalid') throw error;
      }
    }),
    { numRuns: 300, seed: SEED },
  );
  t.end();
});

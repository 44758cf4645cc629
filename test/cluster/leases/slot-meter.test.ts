/** Operations a second of each slot: what is counted, what is forgotten, which are the busiest. */
import fc from 'fast-check';
import t from 'tap';
import { SlotMeter } from '../../../src/cluster/leases/slot-meter.ts';
import { SLOTS, type Slot } from '../../../src/store/ids.ts';

const SEED = 20261120;

function count(meter: SlotMeter, slot: number, times: number): void {
  for (let i = 0; i < times; i++) meter.count(slot as Slot);
}

void t.test('a steady rate is found, and forgotten when it ends', (t) => {
  const meter = new SlotMeter();
  t.strictSame([meter.operations, meter.hottest(3)], [0, []]);
  for (let second = 0; second < 30; second++) {
    count(meter, 7, 100);
    count(meter, SLOTS - 1, 10);
    meter.tick(1000);
  }
  const [first, second, ...more] = meter.hottest(3);
  t.strictSame([first?.slot, second?.slot, more], [7, SLOTS - 1, []]);
  t.ok(Math.abs(first!.operations - 100) < 1 && Math.abs(second!.operations - 10) < 1);
  t.ok(Math.abs(meter.operations - 110) < 1);
  for (let idle = 0; idle < 10; idle++) meter.tick(1000);
  t.ok(meter.operations > 5 && meter.operations < 15, `a tenth after ten seconds: ${meter.operations}`);
  for (let idle = 0; idle < 60; idle++) meter.tick(1000);
  t.strictSame([meter.operations, meter.hottest(3)], [0, []]);
  t.end();
});

void t.test('the rate is by the time that has passed', (t) => {
  const [slow, fast] = [new SlotMeter(), new SlotMeter()];
  for (let i = 0; i < 20; i++) {
    count(slow, 1, 200);
    slow.tick(2000);
    count(fast, 1, 50);
    fast.tick(500);
  }
  t.ok(Math.abs(slow.operations - 100) < 1, String(slow.operations));
  t.ok(Math.abs(fast.operations - 90) < 2, `ten seconds by then: ${fast.operations}`);
  count(fast, 1, 1000);
  fast.tick(0);
  t.ok(fast.operations < 100, 'a clock that stands still makes nothing infinite');
  t.end();
});

void t.test('the busiest are those that sorting all would give', (t) => {
  const slots = fc.dictionary(fc.integer({ min: 0, max: 50 }).map(String), fc.integer({ min: 1, max: 40 }));
  fc.assert(
    fc.property(slots, fc.integer({ min: 1, max: 20 }), (counts, max) => {
      const meter = new SlotMeter();
      for (const [slot, times] of Object.entries(counts)) count(meter, Number(slot), times);
      meter.tick(1000);
      const hottest = meter.hottest(max);
      const wanted = Object.values(counts).toSorted((a, b) => b - a);
      t.strictSame(
        hottest.map(({ operations }) => Math.round(operations * 5)),
        wanted.slice(0, max),
      );
      t.equal(new Set(hottest.map(({ slot }) => slot)).size, hottest.length);
    }),
    { numRuns: 200, seed: SEED },
  );
  t.end();
});

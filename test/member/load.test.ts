/** What a worker tells of its load: the processor by the clock, the operations by the slots. */
import t from 'tap';
import { LoadMeter } from '../../src/member/load.ts';
import type { Slot } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

void t.test('once a second', async (t) => {
  const clock = new ManualClock();
  let used = 5_000_000;
  const meter = new LoadMeter({ clock, weight: 150, processorTime: () => used });
  t.equal(meter.load, undefined, 'nothing yet');
  used += 250_000;
  for (let i = 0; i < 40; i++) meter.count(9 as Slot);
  meter.count(8 as Slot);
  await clock.advance(999);
  t.equal(meter.load, undefined);
  await clock.advance(1);
  t.match(meter.load, { weight: 150, processor: 0.25, hottest: [{ slot: 9 }, { slot: 8 }] });
  t.ok(meter.load!.operations > 5);
  await clock.advance(1000);
  t.equal(meter.load?.processor, 0, 'the last second only');
  meter[Symbol.dispose]();
  used += 1_000_000;
  await clock.advance(5000);
  t.equal(meter.load?.processor, 0, 'nothing is measured any more');
});

void t.test('of this thread', async (t) => {
  const clock = new ManualClock();
  using meter = new LoadMeter({ clock, weight: 100 });
  let sum = 0;
  for (let i = 0; i < 5e6; i++) sum += Math.sqrt(i);
  t.ok(sum > 0);
  await clock.advance(1000);
  t.ok(meter.load!.processor > 0, String(meter.load!.processor));
});

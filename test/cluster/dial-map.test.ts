/** Who owes its client an answer asks for the map, ever less while there is no news of it; who owes nothing waits for it. */
import t from 'tap';
import { createDial, MAP_ASKED_MS } from '../../src/cluster/dial.ts';
import { SlotMapCopy } from '../../src/cluster/view/slot-map.ts';
import type { Incarnation, Slot } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SLOT = 7 as Slot;
const LONG_MS = 100_000;

function bed() {
  const map = new SlotMapCopy();
  const clock = new ManualClock();
  const asked: number[] = [];
  const refresh = () => void asked.push(clock.monotonicMs());
  const dial = createDial({ open: () => Promise.reject(new Error('not here')) }, map, clock, refresh);
  let version = 0;
  return {
    clock,
    asked,
    dial,
    /** Of another slot, or of this one. */
    news: (slot: number) => {
      const owner = {
        incarnation: 'b'.repeat(32) as Incarnation,
        address: { host: 'b', port: 1 },
        member: 'b',
      };
      map.apply({ since: version, version: ++version, owners: [owner], slots: [slot, 0] });
    },
  };
}

void t.test('asked for at once and then ever less, until the slot has an owner', async (t) => {
  const { clock, asked, dial, news } = bed();
  const startMs = clock.monotonicMs();
  const changed = dial.changed(SLOT, LONG_MS, false);
  await clock.advance(MAP_ASKED_MS - 1);
  t.same(asked, [], 'news may come by themselves');
  await clock.advance(1000);
  t.same(
    asked.slice(0, 6).map((ms) => ms - startMs),
    [10, 30, 70, 150, 310, 470],
  );
  asked.length = 0;
  news(SLOT + 1);
  await clock.advance(1000);
  const pauses = asked.slice(1).map((ms, index) => ms - asked[index]!);
  t.ok(Math.min(...pauses) <= 2 * MAP_ASKED_MS, 'after news often again');
  news(SLOT);
  await changed;
  asked.length = 0;
  await clock.advance(LONG_MS);
  t.same(asked, [], 'nobody waits any more');
});

void t.test('not for those in the background', async (t) => {
  const { clock, asked, dial, news } = bed();
  const changed = dial.changed(SLOT, LONG_MS, true);
  await clock.advance(1000);
  t.same(asked, []);
  news(SLOT);
  await clock.advance(1000);
  await changed;
});

void t.test('one question for all', async (t) => {
  const { clock, asked, dial } = bed();
  const changed = Array.from({ length: 100 }, () => dial.changed(SLOT, 25, false));
  await clock.advance(25);
  await Promise.all(changed);
  t.equal(asked.length, 1);
});

/**
 * A worker that falls silent while slots move to it: no more of them than may be moved at once wait for the end of its lease,
 * and what others release meanwhile goes to whoever speaks. Seen with real processes: accounts of healthy backends were
 * without service for 2.3 s, as slots went to a paused one for as long as its lease ran.
 */
import t from 'tap';
import { Membership } from '../../../src/cluster/control/membership.ts';
import { Giver } from '../../../src/cluster/leases/giver.ts';
import { LeaseTable } from '../../../src/cluster/leases/table.ts';
import type { Renewal } from '../../../src/cluster/messages.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';
import { type Incarnation, SLOTS, type Slot } from '../../../src/store/ids.ts';

const [OLD, NEW] = ['a'.repeat(32) as Incarnation, 'b'.repeat(32) as Incarnation];
const { heartbeatMs, slotLeaseMs, movesAtOnce, rebalanceAfterMs } = DEFAULT_TIMES;

void t.test('a taker that falls silent', (t) => {
  const table = new LeaseTable(
    1,
    DEFAULT_TIMES,
    { waitUntil: undefined, holders: undefined },
    () => undefined,
  );
  const members = new Membership('m', 1, DEFAULT_TIMES);
  const counts = { balance: 0, drain: 0, hot: 0, operator: 0 };
  const giver = new Giver(0, DEFAULT_TIMES, table, members, counts);
  const named = new Set([OLD, NEW]);
  const written = { named, mayBeNamed: named };
  const workers = new Map<Incarnation, ReturnType<typeof worker>>();
  let now = 0;

  /** As a worker does: takes what it is granted, closes at once what is asked back. */
  function worker(incarnation: Incarnation) {
    const held = new Map<Slot, Renewal['released'][number]>();
    let [seq, ack] = [0, 0];
    let released: Renewal['released'] = [];
    return () => {
      const part = { seq: ++seq, ack, stalled: false, count: 0, digest: 0, released, returned: [] };
      const info = { incarnation, address: { host: 'h', port: 1 }, pid: 1, life: undefined, holds: true };
      const facts = {
        member: incarnation[0]!,
        settingsVersion: 1,
        ready: true,
        draining: false,
        probeAgeMs: 0,
      };
      members.renewed(now, { ...part, ...facts, worker: info } as unknown as Renewal, true, true);
      const pairs = [...held.values()];
      const answer = table.renew({ incarnation, named: true, ...part, pairs }, slotLeaseMs, now)!;
      released = [];
      ack = answer.serial;
      for (const pair of answer.grants) held.set(pair.slot, pair);
      for (const { slot } of answer.release) {
        released = [...released, held.get(slot)!];
        held.delete(slot);
      }
    };
  }

  /** For so long, as the controller does: renewals each Heartbeat, and plans in between. */
  function run(ms: number): void {
    for (const end = now + ms; now < end; now += 10) {
      if (now % heartbeatMs < 10) for (const renew of workers.values()) renew();
      table.lapse(now);
      giver.give(now, written);
    }
  }
  const slotsOf = (incarnation: Incarnation) => table.slotsOf(incarnation).size;

  workers.set(OLD, worker(OLD));
  run(1000);
  t.equal(slotsOf(OLD), SLOTS);
  workers.set(NEW, worker(NEW));
  run(rebalanceAfterMs + 1000);
  const moved = slotsOf(NEW);
  t.ok(moved > movesAtOnce && moved < SLOTS / 2, `slots are on the move: ${moved}`);

  workers.delete(NEW);
  run(slotLeaseMs);
  t.ok(slotsOf(NEW) - moved <= movesAtOnce, `few more went to it: ${slotsOf(NEW) - moved}`);
  // The heartbeat that is written next names it no longer.
  named.delete(NEW);
  run(slotLeaseMs);
  t.equal(slotsOf(OLD), SLOTS, 'all are served again when its lease is over');
  t.end();
});

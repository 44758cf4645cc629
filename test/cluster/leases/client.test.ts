/** The worker's side of the leases (docs/architecture.md, section 3, Leases). */
import t from 'tap';
import { type LeaseAnswer, LeaseClient } from '../../../src/cluster/leases/client.ts';
import type { Pair } from '../../../src/cluster/messages.ts';
import { type Epoch, epochOf, type Incarnation, type Slot } from '../../../src/store/ids.ts';
import { noLog, TestHolder } from '../cluster.ts';

const pair = (slot: number, epoch: number): Pair => ({ slot: slot as Slot, epoch: epoch as Epoch });
const E = epochOf(3, 1);

class Rig {
  now = 1000;
  fresh = true;
  woken = 0;
  serial = 0;
  readonly holder = new TestHolder();
  readonly client = new LeaseClient({
    incarnation: 'c'.repeat(32) as Incarnation,
    now: () => this.now,
    storageFresh: () => this.fresh,
    holder: this.holder,
    wake: () => {
      this.woken++;
    },
    logger: noLog,
  });

  answer(seq: number, more: Partial<LeaseAnswer> = {}, controlEpoch = 3): void {
    this.client.answered(controlEpoch, {
      seq,
      serial: ++this.serial,
      leftMs: 1900,
      resync: false,
      grants: [],
      release: [],
      lost: [],
      giveUp: false,
      ...more,
    });
  }

  /** Holds slot 1 with 1900 ms from now on. */
  granted(): this {
    this.answer(this.client.request(3).seq, { grants: [pair(1, E)] });
    return this;
  }

  held(slot = 1): boolean {
    return this.holder.leases.get(slot as Slot)?.held() ?? false;
  }
}

void t.test('"the owner counts that from before sending its request"', async (t) => {
  const rig = new Rig();
  const { seq, pairs } = rig.client.request(3);
  t.same(pairs, [], 'the first request to a controller lists everything');
  rig.now += 400;
  rig.answer(seq, { grants: [pair(1, E)] });
  t.ok(rig.held());
  t.equal(rig.woken, 1, 'a grant is acknowledged at once');
  rig.now = 1000 + 1899;
  t.ok(rig.held());
  rig.now = 1000 + 1900;
  t.notOk(rig.held());
  t.equal(rig.holder.history.length, 1, 'lapsed is not lost yet');
});

void t.test(
  'an older answer, one never asked for and one of another controller change nothing',
  async (t) => {
    const rig = new Rig().granted();
    const first = rig.client.request(3).seq;
    const second = rig.client.request(3).seq;
    rig.answer(second);
    const count = rig.holder.history.length;
    rig.answer(first, { lost: [pair(1, E)] });
    rig.answer(999, { lost: [pair(1, E)] });
    rig.answer(rig.client.request(3).seq, { lost: [pair(1, E)] }, 2);
    t.equal(rig.holder.history.length, count);
  },
);

void t.test('nothing is shown while the storage probe is older than the lease', async (t) => {
  const rig = new Rig().granted();
  rig.fresh = false;
  t.notOk(rig.held());
  t.ok(rig.client.request(3).stalled);
  rig.answer(rig.client.request(3).seq, { leftMs: 0, giveUp: true });
  t.same(rig.holder.history.at(-1), 'lost 1');
  t.same(rig.client.request(3).released, [pair(1, E)], 'released by itself');
});

void t.test('a lapsed lease comes back by the controller that granted it, and by no other', async (t) => {
  const same = new Rig().granted();
  same.now += 3000;
  same.answer(same.client.request(3).seq);
  t.ok(same.held());
  const other = new Rig().granted();
  other.now += 3000;
  other.answer(other.client.request(4).seq, {}, 4);
  t.notOk(other.held());
  t.equal(other.holder.history.at(-1), 'lost 1');
  const running = new Rig().granted();
  running.now += 1000;
  running.answer(running.client.request(4).seq, {}, 4);
  t.ok(running.held(), 'one that still runs is confirmed');
});

void t.test('"that report is an answer": nothing asked before it renews anything after it', async (t) => {
  const rig = new Rig().granted();
  rig.now += 500;
  const { seq } = rig.client.request(3);
  t.same(rig.client.report(), { leftMs: 1400, pairs: [pair(1, E)] });
  rig.answer(seq);
  rig.now = 1000 + 1900;
  t.notOk(rig.held(), 'runs out as reported');
  t.same(
    rig.client.report(),
    { leftMs: 0, pairs: [] },
    'only "whose lease still runs by the worker\'s own clock"',
  );
});

void t.test('a planned move: closed in good order, then reported until it is acknowledged', async (t) => {
  const rig = new Rig().granted();
  rig.answer(rig.client.request(3).seq, { release: [pair(1, E)] });
  const early = rig.client.request(3).seq;
  t.ok(rig.client.size === 1, 'still held while commits in flight finish');
  await new Promise(setImmediate);
  t.equal(rig.holder.history.at(-1), 'released 1');
  const { released, count } = rig.client.request(3);
  t.same([released, count], [[pair(1, E)], 0]);
  rig.answer(early, { grants: [pair(1, E)] });
  t.equal(rig.client.size, 0, 'a grant sent again is not taken up again');
  t.same(rig.client.report().pairs, [pair(1, E)], 'a candidate is told of it: nothing is released meanwhile');
  rig.answer(rig.client.request(3).seq);
  t.ok(rig.client.isEmpty);
});

void t.test('digests differ: everything is listed with the next request', async (t) => {
  const rig = new Rig().granted();
  const { seq, pairs } = rig.client.request(3);
  t.equal(pairs, undefined);
  rig.answer(seq, { resync: true, leftMs: 0 });
  t.same(rig.client.request(3).pairs, [pair(1, E)]);
});

void t.test('granted anew under a larger epoch: the old one is lost first', async (t) => {
  const rig = new Rig().granted();
  rig.answer(rig.client.request(3).seq, { grants: [pair(1, E + 1)] });
  t.same(rig.holder.history, [`granted 1 ${E}`, 'lost 1', `granted 1 ${E + 1}`]);
  rig.answer(rig.client.request(3).seq, { grants: [pair(1, E)] });
  t.equal(rig.holder.leases.get(1 as Slot)?.epoch, E + 1);
});

void t.test('confirm: only "a renewal sent after" it counts', async (t) => {
  const rig = new Rig().granted();
  const before = rig.client.request(3).seq;
  const results: boolean[] = [];
  void rig.holder.leases
    .get(1 as Slot)!
    .confirm()
    .then((held) => results.push(held));
  rig.answer(before);
  await new Promise(setImmediate);
  t.same(results, []);
  rig.answer(rig.client.request(3).seq);
  await new Promise(setImmediate);
  t.same(results, [true]);
  const lease = rig.holder.leases.get(1 as Slot)!;
  void lease.confirm().then((held) => results.push(held));
  rig.answer(rig.client.request(3).seq, { lost: [pair(1, E)] });
  await new Promise(setImmediate);
  t.same(results, [true, false]);
  t.equal(await lease.confirm(), false);
});

void t.test('a larger epoch found is told until it is answered', async (t) => {
  const rig = new Rig().granted();
  rig.holder.leases.get(1 as Slot)!.reportLargerEpoch(epochOf(9, 1));
  t.equal(rig.client.request(3).largerEpoch, epochOf(9, 1));
  rig.answer(rig.client.request(3).seq);
  t.equal(rig.client.request(3).largerEpoch, undefined);
});

void t.test('a larger epoch found after a request was sent is told with the next one', async (t) => {
  const rig = new Rig().granted();
  const { seq } = rig.client.request(3);
  rig.holder.leases.get(1 as Slot)!.reportLargerEpoch(epochOf(9, 1));
  rig.answer(seq);
  t.equal(rig.client.request(3).largerEpoch, epochOf(9, 1), 'that answer knew nothing of it');
});

void t.test('a slot that cannot be closed in order is dropped, so that moves go on', async (t) => {
  const rig = new Rig().granted();
  rig.holder.releasing = new Promise(() => undefined);
  rig.answer(rig.client.request(3).seq, { release: [pair(1, E)] });
  rig.now += 4999;
  t.same(rig.client.request(3).released, []);
  rig.now += 1;
  t.same(rig.client.request(3).released, [pair(1, E)]);
  t.equal(rig.holder.history.at(-1), 'lost 1');
  t.equal(rig.client.size, 0);
});

void t.test('"if taking fails, the slot is given back"', async (t) => {
  const rig = new Rig().granted();
  const lease = rig.holder.leases.get(1 as Slot)!;
  const woken = rig.woken;
  lease.giveBack!();
  t.notOk(lease.held(), 'over at once');
  t.same(rig.holder.history.at(-1), 'lost 1', 'and nothing is written any more');
  t.equal(rig.woken, woken + 1, 'the controller is told at once');
  const request = rig.client.request(3);
  t.same(request.released, [pair(1, E)]);
  t.same(request.returned, [pair(1, E)]);
  t.equal(request.count, 0);
  rig.answer(request.seq);
  t.same(rig.client.request(3).released, [], 'said until it is known');
  t.ok(rig.client.isEmpty);
  lease.giveBack!();
  t.same(rig.client.request(3).returned, [], 'once');
});

void t.test('nothing is given back while the storage stalls, or without the lease', async (t) => {
  const rig = new Rig().granted();
  rig.fresh = false;
  rig.holder.leases.get(1 as Slot)!.giveBack!();
  rig.fresh = true;
  t.ok(rig.held());
  rig.now += 5000;
  rig.holder.leases.get(1 as Slot)!.giveBack!();
  t.same(rig.client.request(3).returned, []);
});

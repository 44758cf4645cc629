/** The controller's table, sentence by sentence of docs/architecture.md, section 3, Control and Leases. */
import fc from 'fast-check';
import t from 'tap';
import {
  LeaseTable,
  type RenewInput,
  type RenewResult,
  type TakenOver,
} from '../../../src/cluster/leases/table.ts';
import { type Pair, pairDigest } from '../../../src/cluster/messages.ts';
import { DEFAULT_TIMES, withMargin } from '../../../src/cluster/times.ts';
import { type Epoch, epochOf, type Incarnation, SLOTS, type Slot } from '../../../src/store/ids.ts';

const SEED = 20261120;
const A = 'a'.repeat(32) as Incarnation;
const B = 'b'.repeat(32) as Incarnation;
const FIRST: TakenOver = { waitUntil: undefined, holders: undefined };
const slot = (n: number) => n as Slot;
const pair = (n: number, epoch: number): Pair => ({ slot: slot(n), epoch: epoch as Epoch });

/** A worker that answers as the client does, without clocks. */
class Worker {
  readonly table: LeaseTable;
  readonly incarnation: Incarnation;
  readonly has = new Map<Slot, Epoch>();
  seq = 0;
  ack = 0;

  constructor(table: LeaseTable, incarnation: Incarnation) {
    this.table = table;
    this.incarnation = incarnation;
  }

  input(more: Partial<RenewInput> = {}): RenewInput {
    const held = [...this.has].map(([s, epoch]) => ({ slot: s, epoch }));
    return {
      incarnation: this.incarnation,
      named: true,
      seq: ++this.seq,
      ack: this.ack,
      stalled: false,
      count: held.length,
      digest: held.reduce((sum, each) => sum + pairDigest(each), 0),
      released: [],
      returned: [],
      pairs: undefined,
      ...more,
    };
  }

  list(): Pair[] {
    return [...this.has].map(([s, epoch]) => ({ slot: s, epoch }));
  }

  take(result: RenewResult): void {
    this.ack = result.serial;
    for (const { slot: s, epoch } of result.lost) if (this.has.get(s) === epoch) this.has.delete(s);
    for (const { slot: s, epoch } of result.grants) this.has.set(s, epoch);
  }

  renew(now: number, leaseMs = 1900): RenewResult {
    let result = this.table.renew(this.input(), leaseMs, now)!;
    this.take(result);
    if (result.resync) {
      result = this.table.renew(this.input({ pairs: this.list() }), leaseMs, now)!;
      this.take(result);
    }
    return result;
  }
}

function fresh(controlEpoch = 1, before = FIRST) {
  const owners = new Map<Slot, Incarnation | undefined>();
  const table = new LeaseTable(controlEpoch, DEFAULT_TIMES, before, (s, owner) => owners.set(s, owner));
  return { table, owners };
}

void t.test('a grant is on the map when the worker has shown that it knows', async (t) => {
  const { table, owners } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  const epoch = table.grant(slot(5), A);
  t.equal(epoch, epochOf(1, 1));
  t.equal(owners.get(slot(5)), undefined);
  t.same(a.renew(10).grants, [pair(5, epoch)]);
  t.equal(owners.get(slot(5)), undefined, 'sent, not known');
  t.same(a.renew(20).grants, [], 'acknowledged');
  t.equal(owners.get(slot(5)), A);
});

void t.test('a lost answer: the grant comes again; an overtaken message is dropped', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  const lost = table.renew(a.input(), 1900, 10)!;
  t.equal(lost.grants.length, 1);
  const again = table.renew(a.input(), 1900, 20)!;
  t.same(again.grants, lost.grants);
  t.equal(table.renew(a.input({ seq: 1 }), 1900, 30), undefined);
});

void t.test('"counted by the controller from after answering, plus margin"', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  a.renew(100, 2000);
  t.same(table.lapse(100 + 2240 - 1), []);
  t.equal(table.entry(slot(1)).state, 'held');
  t.same(table.lapse(100 + 2241), [A]);
  t.equal(table.entry(slot(1)).state, 'free');
});

void t.test(
  '"a lapsed lease is renewed with unchanged epoch only by the controller that granted it …"',
  async (t) => {
    const { table, owners } = fresh();
    const a = new Worker(table, A);
    a.renew(0);
    const epoch = table.grant(slot(1), A);
    table.grant(slot(2), A);
    a.renew(10);
    a.renew(20);
    table.lapse(5000);
    const b = new Worker(table, B);
    b.renew(5000);
    table.grant(slot(2), B);
    const result = a.renew(5010);
    t.same(
      result.lost.map((each) => each.slot),
      [2],
      '"… and has granted it to nobody since"',
    );
    t.equal(table.entry(slot(1)).epoch, epoch);
    t.equal(table.entry(slot(1)).holder, A);
    t.equal(owners.get(slot(1)), A);
  },
);

void t.test('no authority: nothing is granted or renewed', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  const result = a.renew(10, 0);
  t.equal(result.leftMs, 0);
  t.same(result.grants, []);
});

void t.test('"`released` names slot and epoch": an old message releases nothing', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  const epoch = table.grant(slot(1), A);
  a.renew(10);
  a.renew(20);
  table.takeBack(slot(1));
  t.equal(table.entry(slot(1)).state, 'releasing');
  t.same(a.renew(30).release, [pair(1, epoch)]);
  table.renew(a.input({ released: [pair(1, epoch - 1)] }), 1900, 40);
  t.equal(table.entry(slot(1)).state, 'releasing');
  a.has.delete(slot(1));
  table.renew(a.input({ released: [pair(1, epoch)] }), 1900, 50);
  t.equal(table.entry(slot(1)).state, 'free');
});

void t.test('proven dead: free at once, and its later messages count for nothing', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  a.renew(10);
  table.dead(A);
  t.equal(table.entry(slot(1)).state, 'free');
  t.equal(table.renew(a.input(), 1900, 20), undefined);
});

void t.test('a stalled worker is answered and not renewed', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  a.renew(10);
  a.renew(20);
  t.equal(table.renew(a.input({ stalled: true }), 1900, 1000)!.leftMs, 0);
  t.same(table.lapse(20 + withMargin(1900, DEFAULT_TIMES) + 1), [A]);
});

void t.test('taking over', async (t) => {
  const before: TakenOver = { waitUntil: 2240, holders: new Set([A, B]) };
  const old = epochOf(1, 9);

  await t.test(
    '"a slot that nobody reported counts as held until SlotLease plus margin after …"',
    async (t) => {
      const { table } = fresh(2, before);
      table.reported(A, [pair(1, old)], 1500, 800, 810);
      table.lapse(2239);
      t.equal(table.entry(slot(2)).state, 'waiting');
      t.equal(table.freeCount, 0);
      table.lapse(2240);
      t.equal(table.entry(slot(2)).state, 'free');
    },
  );

  await t.test(
    '"… unless its holder is proven dead": all that may hold have reported or are dead',
    async (t) => {
      const { table } = fresh(2, before);
      table.reported(A, [pair(1, old)], 1500, 800, 810);
      table.dead(B);
      t.equal(table.entry(slot(2)).state, 'free');
      t.equal(table.entry(slot(1)).holder, A);
      const { table: blind } = fresh(2, { ...before, holders: undefined });
      blind.dead(B);
      t.equal(blind.entry(slot(2)).state, 'waiting', 'not when it is not known who may hold');
    },
  );

  await t.test('"a pair is confirmed, with unchanged epoch …"', async (t) => {
    const { table, owners } = fresh(2, before);
    const a = new Worker(table, A);
    a.has.set(slot(1), old);
    table.reported(A, a.list(), 1500, 800, 810);
    t.equal(owners.get(slot(1)), A, 'the map shows it at once');
    const result = a.renew(1000);
    t.same([result.leftMs, result.lost, a.has.get(slot(1))], [1900, [], old]);
  });

  await t.test('"… only if the reported lease outlasts the confirmation"', async (t) => {
    const { table } = fresh(2, before);
    const a = new Worker(table, A);
    a.has.set(slot(1), old);
    table.reported(A, a.list(), 560, 800, 810);
    // Surely running for 560 / 1.12 = 500 ms of our clock, from before the question.
    const result = a.renew(1301);
    t.same(result.lost, [pair(1, old)]);
  });

  await t.test('"… only if no larger epoch of that slot was reported"', async (t) => {
    for (const order of [
      [A, B],
      [B, A],
    ] as const) {
      const { table } = fresh(2, before);
      const epochs = { [A]: old, [B]: epochOf(1, 10) } as Record<string, Epoch>;
      for (const each of order) table.reported(each, [pair(1, epochs[each]!)], 1500, 800, 810);
      const [a, b] = [new Worker(table, A), new Worker(table, B)];
      a.has.set(slot(1), old);
      b.has.set(slot(1), epochs[B]!);
      t.same(a.renew(1000).lost, [pair(1, old)]);
      t.same(b.renew(1000).lost, []);
      t.equal(table.entry(slot(1)).holder, B);
    }
  });

  await t.test('a renewal of one that has not reported renews nothing and asks for the report', async (t) => {
    const { table } = fresh(2, before);
    const a = new Worker(table, A);
    a.has.set(slot(1), old);
    const result = table.renew(a.input({ pairs: a.list() }), 1900, 900)!;
    t.same([result.unreported, result.leftMs, result.lost], [true, 0, []]);
  });

  await t.test(
    'a report after the wait is refused: "a lapsed lease is never confirmed by a new controller"',
    async (t) => {
      const { table } = fresh(2, before);
      const a = new Worker(table, A);
      a.has.set(slot(1), old);
      table.lapse(2240);
      t.same(a.renew(2300).lost, [pair(1, old)]);
    },
  );
});

void t.test(
  'property: whatever is lost, late or lapsed, no two workers are told of running leases of one slot',
  async () => {
    const ids = [A, B];
    const op = fc.record({
      kind: fc.constantFrom(
        'renew',
        'drop-answer',
        'grant',
        'take-back',
        'release',
        'wait',
        'long-wait',
        'forget',
      ),
      who: fc.nat(1),
      slot: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const { table } = fresh();
        const workers = ids.map((id) => new Worker(table, id));
        /** By each worker's own count: until when its leases run. */
        const until = [0, 0];
        let now = 0;
        for (const { kind, who, slot: s } of ops) {
          const worker = workers[who]!;
          now += 1;
          table.lapse(now);
          if (kind === 'renew') {
            const sentAt = now;
            const result = worker.renew(now);
            if (result.leftMs > 0) until[who] = sentAt + result.leftMs;
          } else if (kind === 'drop-answer') table.renew(worker.input(), 1900, now);
          else if (kind === 'wait') now += 700;
          else if (kind === 'long-wait') now += 2200;
          else if (kind === 'forget') worker.has.delete(slot(s));
          else if (kind === 'take-back') table.takeBack(slot(s));
          else if (kind === 'grant') {
            if (table.entry(slot(s)).state === 'free' && table.isLive(ids[who]!, now))
              table.grant(slot(s), ids[who]!);
          } else {
            const epoch = worker.has.get(slot(s));
            worker.has.delete(slot(s));
            if (epoch !== undefined) {
              const result = table.renew(worker.input({ released: [{ slot: slot(s), epoch }] }), 1900, now);
              if (result) worker.take(result);
            }
          }
          for (let n = 0; n < 4; n++) {
            const holding = workers.filter((each, i) => each.has.has(slot(n)) && now < until[i]!);
            if (holding.length > 1) throw new Error(`slot ${n} held twice`);
          }
        }
        if (table.freeCount > SLOTS) throw new Error('more free slots than slots');
      }),
      { seed: SEED, numRuns: 400 },
    );
  },
);

void t.test(
  'an end that nobody needs to wait for: everything released, though its holder still renews',
  async (t) => {
    const { table } = fresh();
    t.ok(table.nothingHeld);
    t.notOk(
      fresh(2, { waitUntil: 3000, holders: undefined }).table.nothingHeld,
      'the predecessor may have leases',
    );
    const a = new Worker(table, A);
    a.renew(0);
    const epoch = table.grant(slot(5), A);
    t.notOk(table.nothingHeld, 'granted, not told');
    a.renew(10);
    a.renew(20);
    a.has.delete(slot(5));
    table.renew(a.input({ released: [pair(5, epoch)] }), 1900, 30);
    t.ok(table.nothingHeld);
  },
);

void t.test('who could not take a slot is not given it again for a while', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  const epoch = table.grant(slot(5), A);
  a.renew(10);
  a.renew(20);
  const returned = [pair(5, epoch)];
  a.has.delete(slot(5));
  table.renew(a.input({ released: [pair(5, epochOf(1, 9))], returned: [pair(5, epochOf(1, 9))] }), 1900, 25);
  t.equal(table.notTo(slot(5), 25, false), undefined, 'another epoch is an old message');
  table.renew(a.input({ released: returned, returned }), 1900, 30);
  t.equal(table.entry(slot(5)).state, 'free');
  t.equal(table.notTo(slot(5), 30, false), A);
  t.equal(table.notTo(slot(5), 1029, true), A);
  t.equal(table.notTo(slot(5), 1030, true), undefined, 'unless nobody else can have it');
  t.equal(table.notTo(slot(5), 30_029, false), A);
  t.equal(table.notTo(slot(5), 30_030, false), undefined);
  t.equal(table.notTo(slot(6), 30, false), undefined);
});

void t.test('a report is believed only from a worker that the predecessor named', async (t) => {
  // A was frozen with its clock; its slots went to somebody with a larger epoch; then the controller died (section 8, 21).
  const { table } = fresh(2, { waitUntil: 5000, holders: new Set([B]) });
  table.reported(A, [pair(7, epochOf(1, 3))], 1500, 0, 10);
  t.equal(table.entry(slot(7)).state, 'waiting', 'not named: its lease had lapsed there');
  table.reported(B, [pair(8, epochOf(1, 4))], 1500, 0, 10);
  t.match(table.entry(slot(8)), { state: 'held', holder: B, epoch: epochOf(1, 4) });
});

void t.test('who was granted past a lease that was only confirmed has overtaken its holder', async (t) => {
  const { table } = fresh(2, { waitUntil: 5000, holders: new Set([A]) });
  const a = new Worker(table, A);
  a.has.set(slot(1), epochOf(1, 3));
  table.reported(A, a.list(), 1500, 0, 10);
  a.renew(20, 1900);
  t.notOk(table.isOvertaken(A));
  table.lapse(20 + 2240);
  t.match(table.entry(slot(1)), { state: 'free', holder: A });
  new Worker(table, B).renew(2300);
  table.grant(slot(1), B);
  t.ok(table.isOvertaken(A), 'a successor must not believe A, whose clock may have stood still');
  t.same(a.renew(2400).lost, [pair(1, epochOf(1, 3))], 'and its old epoch is confirmed by nobody');
  t.notOk(table.isOvertaken(A), 'until it renews');
});

void t.test('holders that never reported are overtaken when the wait for them is over', async (t) => {
  const { table } = fresh(2, { waitUntil: 5000, holders: new Set([A, B]) });
  new Worker(table, B).renew(100);
  table.reported(B, [], 1500, 100, 110);
  table.lapse(5000);
  t.ok(table.isOvertaken(A));
  t.notOk(table.isOvertaken(B));
});

void t.test('that a worker was overtaken is remembered longer than the worker', async (t) => {
  const { table } = fresh();
  const a = new Worker(table, A);
  a.renew(0);
  table.grant(slot(1), A);
  a.renew(10);
  a.renew(20);
  table.lapse(3000);
  new Worker(table, B).renew(3000);
  table.grant(slot(1), B);
  table.lapse(3000 + 100 * DEFAULT_TIMES.slotLeaseMs);
  t.same(table.slotsOf(A).size, 0);
  t.ok(table.isOvertaken(A));
});

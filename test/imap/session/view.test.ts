import fc from 'fast-check';
import t from 'tap';
import { type Changes, View } from '../../../src/imap/session/view.ts';
import type { Mailbox, ModSeq, Uid } from '../../../src/store/account/types.ts';
import { greedySlices } from '../mailbox.ts';

/** A mailbox that only knows what a view asks for. */
class Box {
  uids: number[] = [];
  next = 1;
  modseq = 1;
  readonly changed = new Map<number, number>();
  readonly gone: { uid: number; modseq: number }[] = [];

  arrive(): void {
    this.changed.set(this.next, ++this.modseq);
    this.uids.push(this.next++);
  }
  expunge(index: number): void {
    const [uid] = this.uids.splice(index, 1);
    this.gone.push({ uid: uid!, modseq: ++this.modseq });
  }
  flag(index: number): void {
    this.changed.set(this.uids[index]!, ++this.modseq);
  }
  get mailbox(): Mailbox {
    const { uids, gone, changed } = this;
    return {
      exists: uids.length,
      uidNext: this.next as Uid,
      highestModseq: this.modseq as ModSeq,
      at: (index: number) => ({ uid: uids[index] as Uid }),
      uids: (from: number, to: number) => Uint32Array.from(uids.slice(from, to)),
      indexOf: (uid: Uid) => uids.indexOf(uid),
      lowerBound: (uid: number) => uids.filter((each) => each < uid).length,
      changedSince: (modseq: ModSeq) => uids.filter((uid) => changed.get(uid)! > modseq) as Uid[],
      expungedSince: (modseq: ModSeq) =>
        gone
          .filter((each) => each.modseq > modseq)
          .map(({ uid }) => uid)
          .sort((a, b) => a - b) as Uid[],
    } as unknown as Mailbox;
  }
}

/** A client that believes what it is told (RFC 9051 section 7.5.1). */
class Client {
  count: number;
  readonly uids: (number | undefined)[];
  constructor(view: View) {
    this.count = view.exists;
    this.uids = Array.from({ length: view.exists }, (_, index) => view.uidAt(index + 1));
  }
  told(view: View, changes: Changes): void {
    for (const sequence of changes.expunged) this.uids.splice(sequence - 1, 1);
    if (changes.exists !== undefined)
      while (this.uids.length < changes.exists) this.uids.push(view.uidAt(this.uids.length + 1));
  }
}

type Act = {
  readonly kind: 'arrive' | 'expunge' | 'flag' | 'tell' | 'tell-no-expunge' | 'move-owner';
  readonly index: number;
};

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom('arrive', 'arrive', 'expunge', 'flag', 'tell', 'tell-no-expunge', 'move-owner'),
  index: fc.nat(20),
});

void t.test(
  'a client that believes what it is told always counts as the mailbox does, at any owner',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
        const box = new Box();
        box.arrive();
        box.arrive();
        let view = View.of(box.mailbox);
        const client = new Client(view);
        for (const { kind, index } of acts) {
          const at = box.uids.length === 0 ? -1 : index % box.uids.length;
          if (kind === 'arrive') box.arrive();
          else if (kind === 'expunge' && at >= 0) box.expunge(at);
          else if (kind === 'flag' && at >= 0) box.flag(at);
          else if (kind === 'tell' || kind === 'tell-no-expunge')
            client.told(view, await view.takeChanges(box.mailbox, kind === 'tell', greedySlices()));
          else if (kind === 'move-owner') view = View.rebuild(box.mailbox, view.told)!;
          if (client.uids.length !== view.exists || client.uids.some((uid, i) => uid !== view.uidAt(i + 1)))
            return false;
        }
        client.told(view, await view.takeChanges(box.mailbox, true, greedySlices()));
        return client.uids.join() === box.uids.join();
      }),
      { numRuns: 2000 },
    );
    t.pass('2000 histories');
  },
);

void t.test(
  'expunges are told one after another, each in the numbering left by those before it',
  async (t) => {
    const box = new Box();
    for (let count = 0; count < 5; count++) box.arrive();
    const view = View.of(box.mailbox);
    box.expunge(3);
    box.expunge(1);
    t.same((await view.takeChanges(box.mailbox, true, greedySlices())).expunged, [2, 3]); // RFC 9051 section 7.5.1
  },
);

void t.test('ranges of UIDs as ranges of the numbers that the client has for them', async (t) => {
  const box = new Box();
  for (let count = 0; count < 10; count++) box.arrive();
  for (const uid of [3, 4, 8]) box.expunge(box.uids.indexOf(uid));
  const view = View.of(box.mailbox); // 1 2 5 6 7 9 10
  const table = [
    [[[1, 10]], [[1, 7]]],
    [
      [
        [2, 2],
        [5, 6],
      ],
      [[2, 4]],
    ], // neighbours in the client's numbering
    [
      [
        [1, 1],
        [6, 7],
        [10, 10],
      ],
      [
        [1, 1],
        [4, 5],
        [7, 7],
      ],
    ],
    [
      [
        [3, 4],
        [8, 8],
        [11, 20],
      ],
      [],
    ],
  ] as const;
  for (const [uids, sequences] of table) t.same(await view.sequencesOf(uids, greedySlices()), sequences);
});

void t.test('a mailbox that is gone is expunged altogether', async (t) => {
  const box = new Box();
  box.arrive();
  box.arrive();
  const view = View.of(box.mailbox);
  t.same((await view.takeChanges(undefined, false, greedySlices())).expunged, []);
  t.same((await view.takeChanges(undefined, true, greedySlices())).expunged, [1, 1]);
  t.equal(view.exists, 0);
});

void t.test('what happens while it rests is told the next time, and nothing twice', async (t) => {
  const box = new Box();
  for (let count = 0; count < 5000; count++) box.arrive();
  const view = View.of(box.mailbox);
  const client = new Client(view);
  for (let count = 0; count < 3000; count++) box.expunge(0);
  for (let index = 0; index < 1500; index++) box.flag(index);
  let rests = 0;
  const meanwhile = greedySlices(() => {
    rests++;
    box.expunge(1);
    box.flag(0);
    box.arrive();
  });
  const first = await view.takeChanges(box.mailbox, true, meanwhile);
  t.ok(rests >= 5, `${rests} rests`);
  t.equal(first.expunged.length, 3000);
  t.equal(first.flags.length, 1500);
  t.equal(first.exists, undefined);
  client.told(view, first);
  t.equal(client.uids.length, 2000);
  t.equal(View.rebuild(box.mailbox, view.told)?.exists, 2000, 'another owner counts the same');
  const second = await view.takeChanges(box.mailbox, true, greedySlices());
  t.equal(second.expunged.length, rests);
  client.told(view, second);
  t.strictSame(client.uids, box.uids);
});

void t.test('a history that is forgotten: what is gone is found by what is there', async (t) => {
  const box = new Box();
  for (let count = 0; count < 10; count++) box.arrive();
  const view = View.of(box.mailbox);
  for (const index of [9, 4, 0]) box.expunge(index);
  const forgetful = { ...box.mailbox, expungedSince: () => undefined };
  t.same((await view.takeChanges(forgetful, true, greedySlices())).expunged, [1, 4, 8]);
  t.same(
    Array.from({ length: view.exists }, (_, index) => view.uidAt(index + 1)),
    box.uids,
  );
  t.equal(View.rebuild(forgetful, view.told), undefined, 'and no other owner can go on');
});

import fc from 'fast-check';
import t from 'tap';
import { View } from '../../../src/imap/session/view.ts';
import type { Mailbox, ModSeq, Uid } from '../../../src/store/account/types.ts';

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
      indexOf: (uid: Uid) => uids.indexOf(uid),
      lowerBound: (uid: number) => uids.filter((each) => each < uid).length,
      changedSince: (modseq: ModSeq) => uids.filter((uid) => changed.get(uid)! > modseq) as Uid[],
      expungedSince: (modseq: ModSeq) =>
        gone.filter((each) => each.modseq > modseq).map(({ uid }) => uid) as Uid[],
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
  told(view: View, changes: ReturnType<View['takeChanges']>): void {
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
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
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
            client.told(view, view.takeChanges(box.mailbox, kind === 'tell'));
          else if (kind === 'move-owner') view = View.rebuild(box.mailbox, view.told)!;
          if (client.uids.length !== view.exists || client.uids.some((uid, i) => uid !== view.uidAt(i + 1)))
            return false;
        }
        client.told(view, view.takeChanges(box.mailbox, true));
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
    t.same(view.takeChanges(box.mailbox, true).expunged, [2, 3]); // RFC 9051 section 7.5.1
  },
);

void t.test('a mailbox that is gone is expunged altogether', async (t) => {
  const box = new Box();
  box.arrive();
  box.arrive();
  const view = View.of(box.mailbox);
  t.same(view.takeChanges(undefined, false).expunged, []);
  t.same(view.takeChanges(undefined, true).expunged, [1, 1]);
  t.equal(view.exists, 0);
});

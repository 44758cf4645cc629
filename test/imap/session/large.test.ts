/** A mailbox with a million messages (docs/architecture.md, invariant 8): no turn of the event loop takes long. */
import t from 'tap';
import { STAR } from '../../../src/imap/codec/types.ts';
import { Output } from '../../../src/imap/session/output.ts';
import { RecentBook } from '../../../src/imap/session/recent.ts';
import { Session } from '../../../src/imap/session/session.ts';
import { View } from '../../../src/imap/session/view.ts';
import type { Account, Mailbox, ModSeq, Uid } from '../../../src/store/account/types.ts';
import { TURN_MS_MAX, watched } from '../watched.ts';

const MILLION = 1_000_000;

/** UIDs 1 to `last` without those from `gone`, as the store has them. */
function mailbox(last: number, gone: readonly [first: number, last: number], modseq: number): Mailbox {
  const uids = new Uint32Array(last - (gone[1] - gone[0] + 1));
  for (let uid = 1, index = 0; uid <= last; uid++) if (uid < gone[0] || uid > gone[1]) uids[index++] = uid;
  const lowerBound = (uid: number): number =>
    uid <= gone[0] ? uid - 1 : Math.max(gone[0], uid - (gone[1] - gone[0] + 1)) - 1;
  return {
    exists: uids.length,
    uidNext: (last + 1) as Uid,
    highestModseq: modseq as ModSeq,
    keywords: [],
    uids: (from: number, to: number) => uids.slice(from, to),
    lowerBound,
    indexOf: (uid: number) => (uid >= gone[0] && uid <= gone[1] ? -1 : lowerBound(uid)),
    changedSince: () => Array.from(uids) as Uid[],
    expungedSince: () => Array.from({ length: gone[1] - gone[0] + 1 }, (_, at) => gone[0] + at) as Uid[],
  } as unknown as Mailbox;
}

void t.test('a view of a million messages of which most have changed or gone', async (t) => {
  const view = View.of(mailbox(MILLION, [1, 0], 5));
  t.equal(view.exists, MILLION);
  const later = mailbox(MILLION + 10, [300_001, 700_000], 9);
  // What the stand-in takes to make its lists is not what is measured.
  const lists = { changed: later.changedSince(5 as ModSeq), expunged: later.expungedSince(5 as ModSeq) };
  const now = { ...later, changedSince: () => lists.changed, expungedSince: () => lists.expunged };
  const rebuilt = View.rebuild(now, view.told);
  t.equal(rebuilt?.exists, MILLION, 'another owner has what the client counts');
  const { slices, turns } = watched();
  const changes = await view.takeChanges(now, true, slices);
  t.equal(changes.expunged.length, 400_000);
  t.ok(
    changes.expunged.every((sequence) => sequence === 300_001),
    'each in the numbering left by those before',
  );
  t.equal(changes.flags.length, 600_000);
  t.equal(changes.exists, 600_010);
  t.equal(view.uidAt(300_001), 700_001);
  t.equal(view.uidAt(600_010), MILLION + 10);
  const longest = Math.max(...turns);
  t.ok(turns.length > 3 && longest < TURN_MS_MAX, `${turns.length} turns, the longest ${longest} ms`);
});

void t.test('the messages that a set names', async (t) => {
  const box = mailbox(MILLION, [1, 0], 5);
  const saved = Array.from({ length: MILLION }, (_, index) => (index + 1) as Uid);
  const account = {
    mailboxById: () => box,
    property: () => undefined,
    gone: new AbortController().signal,
  } as unknown as Account;
  const { clock, turns } = watched();
  const session = new Session({
    account,
    output: new Output(
      () => Promise.resolve(),
      () => Promise.resolve(),
    ),
    clock,
    appendOctetsMax: 0,
    capabilities: [],
    recent: new RecentBook(account),
    ended: account.gone,
  });
  session.select(box, false);
  const all = { kind: 'ranges', ranges: [{ from: 1, to: STAR }] } as const;
  for (const uid of [true, false]) t.equal((await session.messages(all, uid))?.length, MILLION);
  session.selected!.savedSearch = saved;
  t.equal((await session.messages({ kind: 'saved' }, true))?.length, MILLION);
  t.notOk(await session.someGone(saved));
  const longest = Math.max(...turns);
  t.ok(turns.length > 4 && longest < TURN_MS_MAX, `${turns.length} turns, the longest ${longest} ms`);
});

/** A mailbox with a million messages (docs/architecture.md, invariant 8): no turn of the event loop takes long. */
import t from 'tap';
import { formatNumbers } from '../../../src/imap/codec/sequenceSet.ts';
import { STAR } from '../../../src/imap/codec/types.ts';
import { store } from '../../../src/imap/commands/store.ts';
import { Envelopes } from '../../../src/imap/fetch/envelopes.ts';
import { Output } from '../../../src/imap/session/output.ts';
import { RecentBook } from '../../../src/imap/session/recent.ts';
import { Session } from '../../../src/imap/session/session.ts';
import { View } from '../../../src/imap/session/view.ts';
import { rangesOf, without } from '../../../src/store/account/ranges.ts';
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

/** A session of which every turn is measured, and what it says. */
function sessionOn(box: Mailbox, more: Partial<Account> = {}) {
  const account = {
    mailboxById: () => box,
    property: () => undefined,
    gone: new AbortController().signal,
    ...more,
  } as unknown as Account;
  const { clock, turns } = watched();
  const said: Buffer[] = [];
  const output = new Output(
    () => Promise.resolve(),
    async (bytes) => void said.push(bytes),
  );
  const session = new Session({
    account,
    output,
    clock,
    appendOctetsMax: 0,
    capabilities: [],
    recent: new RecentBook(account),
    envelopes: new Envelopes(),
    ended: account.gone,
  });
  session.select(box, false);
  return { session, clock, turns, said };
}

const ALL = { kind: 'ranges', ranges: [{ from: 1, to: STAR }] } as const;

void t.test('the messages that a set names', async (t) => {
  const { session, clock, turns } = sessionOn(mailbox(MILLION, [300_001, 700_000], 5));
  for (const uid of [true, false]) {
    t.equal((await session.messages(ALL, uid))?.length, 600_000);
    t.same(await session.ranges(ALL, uid), [[1, MILLION]], 'what has gone is between');
  }
  const some = { kind: 'ranges', ranges: [{ from: 299_999, to: 300_002 }] } as const;
  t.same(await session.ranges(some, false), [[299_999, 700_002]]);
  t.same(await session.ranges(some, true), [[299_999, 300_000]]);
  const above = { kind: 'ranges', ranges: [{ from: 600_000, to: 600_001 }] } as const;
  t.equal(await session.ranges(above, false), undefined, 'RFC 3501 section 9: there is no such number');
  t.same(await session.ranges(above, true), []);
  session.selected!.savedSearch = [
    [300_000, 300_001],
    [500_000, 600_000],
    [999_999, MILLION],
  ];
  const saved = { kind: 'saved' } as const;
  t.same(await session.ranges(saved, true), [
    [300_000, 300_000],
    [999_999, MILLION],
  ]);
  t.same(await session.messages(saved, false), [300_000, 999_999, MILLION]);
  t.notOk(await session.someGone([[1, MILLION]]));
  await clock.sleep(0);
  const longest = Math.max(...turns);
  t.ok(turns.length > 1 && longest < TURN_MS_MAX, `${turns.length} turns, the longest ${longest} ms`);
});

void t.test('some of them have gone', async (t) => {
  let box = mailbox(MILLION, [1, 0], 5);
  const { session } = sessionOn(box, { mailboxById: () => box });
  box = mailbox(MILLION, [500, 500], 6);
  t.ok(await session.someGone([[1, MILLION]]));
  t.ok(
    await session.someGone([
      [1, 3],
      [500, 500],
    ]),
  );
  t.notOk(
    await session.someGone([
      [1, 499],
      [501, MILLION],
    ]),
  );
});

const STORED_COUNT = 400_000;
const STORED = [
  ['every other one is refused, silently', true, (index: number) => 2 * index + 1],
  ['the first half is', false, (index: number) => index + 1],
] as const;

for (const [what, silent, at] of STORED)
  void t.test(`STORE of many messages of which ${what} (RFC 7162 section 3.1.3)`, async (t) => {
    const flags: readonly string[] = [];
    const box = {
      ...mailbox(STORED_COUNT, [1, 0], 5),
      at: (index: number) => ({ uid: index + 1, flags, modseq: 5 }),
      changedSince: () => [],
      expungedSince: () => [],
    } as unknown as Mailbox;
    const half = Array.from({ length: STORED_COUNT / 2 }, (_, index) => at(index) as Uid);
    const refused = rangesOf(half);
    const changed = [...without([[1, STORED_COUNT]], refused)];
    const { session, clock, turns, said } = sessionOn(box, {
      storeFlags: async () => ({ changed, refused }),
    });
    const command = { name: 'STORE', uid: true, set: ALL, mode: 'add', flags: ['$A'], silent } as const;
    const { code } = await store.run!(session, { ...command, unchangedSince: 4 });
    await clock.sleep(0);
    t.equal(code, `[MODIFIED ${formatNumbers(half)}]`);
    await session.flush();
    const lines = Buffer.concat(said).toString('latin1').split('\r\n').slice(1, -1);
    t.equal(lines.length, silent ? 0 : STORED_COUNT / 2, 'those that were changed are told as changes');
    if (!silent)
      t.equal(lines.at(-1), `* ${half.at(-1)} FETCH (UID ${half.at(-1)} FLAGS (\\Recent) MODSEQ (5))`);
    const longest = Math.max(...turns);
    t.ok(turns.length > 4 && longest < TURN_MS_MAX, `${turns.length} turns, the longest ${longest} ms`);
  });

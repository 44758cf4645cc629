/** COPY and MOVE of more messages than one turn takes (docs/architecture.md section 6, invariant 8). */
import t from 'tap';
import { Failure } from '../../../../src/lib/failure.ts';
import type { OpenAccount } from '../../../../src/store/account/account.ts';
import { newUids } from '../../../../src/store/account/copied.ts';
import { TRANSFER_WHOLE_MAX } from '../../../../src/store/account/limits.ts';
import { countOf, type UidRanges } from '../../../../src/store/account/ranges.ts';
import type { MailboxId } from '../../../../src/store/account/types.ts';
import { append, Bed, checkConsistency, INBOX, seen, transaction } from '../support.ts';

const COUNT = TRANSFER_WHOLE_MAX + 300;
const ALL: UidRanges = [[1, COUNT]];
const FLAGS = [[], ['\\Seen'], ['\\Deleted', 'one'], ['\\Seen', 'One', 'two']];

async function filled(bed = new Bed()): Promise<{ bed: Bed; account: OpenAccount; target: MailboxId }> {
  const account = await bed.open();
  const numbers = Array.from({ length: COUNT }, (_, index) => index + 1);
  await Promise.all(
    numbers.map((uid) => append(account, FLAGS[uid % FLAGS.length], { text: `text ${uid}` })),
  );
  return { bed, account, target: account.mailbox('Archive')?.id as MailboxId };
}

/** The state as the next owner has it, which must be the present one. */
function same(t: Tap, bed: Bed, account: OpenAccount): Promise<void> {
  const state = bed.replayed();
  checkConsistency(state);
  t.equal(state.stagings.size, 0);
  return bed.open().then((again) => void t.strictSame(seen(again), seen(account)));
}
type Tap = { equal(a: unknown, b: unknown): boolean; strictSame(a: unknown, b: unknown): boolean };

void t.test('a copy is seen whole, in one change', async (t) => {
  const { bed, account, target } = await filled();
  const sizes = new Set<number>();
  account.watch(() => sizes.add(account.mailboxById(target)?.exists ?? -1));
  const commits = bed.disk.syncs;
  const copied = await account.copy(INBOX, ALL, target, transaction(1));
  t.match(copied, { from: ALL, runs: [{ at: 0, to: 1 }] });
  t.ok(bed.disk.syncs - commits >= 3, 'in slices');
  t.strictSame(
    [...sizes].filter((size) => size > 0 && size < COUNT),
    [],
    'nobody sees a part',
  );
  const copy = account.mailboxById(target);
  const from = account.mailboxById(INBOX);
  for (let index = 0; index < COUNT; index += 997) {
    t.strictSame(copy?.at(index).flags, from?.at(index).flags);
    t.equal(copy?.at(index).emailId, from?.at(index).emailId);
  }
  t.strictSame(
    [copy?.unseen, copy?.deleted, copy?.octets, copy?.keywords],
    [from?.unseen, from?.deleted, from?.octets, from?.keywords],
  );
  t.strictSame(await account.copy(INBOX, ALL, target, transaction(1)), copied, 'asked again');
  t.equal(copy?.exists, COUNT);
  await same(t, bed, account);
});

void t.test('RFC 9051 section 6.4.7: a copy that fails leaves the target as it was', async (t) => {
  const { bed, account, target } = await filled(new Bed({ messagesPerMailboxMax: COUNT + 5 }));
  await Promise.all(Array.from({ length: 3 }, () => append(account, [], { mailbox: target })));
  const before = bed.replayed().blobs.messages;
  const copying = account.copy(INBOX, ALL, target);
  // Others come in the way while it is under way.
  await Promise.all(Array.from({ length: 3 }, () => append(account, [], { mailbox: target })));
  await t.rejects(copying, { code: 'limit' });
  t.equal(account.mailboxById(target)?.exists, 6);
  await same(t, bed, account);
  t.equal(bed.replayed().blobs.messages, before + 3, 'what was staged is let go');
});

void t.test(
  'the messages of an account are bounded, what is staged included; a move needs no room',
  async (t) => {
    const { bed, account, target } = await filled(new Bed({ messagesPerAccountMax: 2 * COUNT - 1 }));
    await t.rejects(account.copy(INBOX, ALL, target), { code: 'limit', message: /in an account/ });
    t.equal(account.mailboxById(target)?.exists, 0);
    await account.copy(INBOX, [[1, COUNT - 1]], target);
    await t.rejects(append(account), { code: 'limit' });
    await t.rejects(account.copy(INBOX, [[1, 1]], target), { code: 'limit' });
    await account.move(INBOX, [[1, 1]], target);
    await account.move(INBOX, ALL, target);
    t.equal(account.mailboxById(target)?.exists, 2 * COUNT - 1);
    await account.deleteMailbox('Archive');
    await append(account);
    await same(t, bed, account);
  },
);

void t.test('an owner that ends in the middle of a copy has copied nothing', async (t) => {
  const { bed, account, target } = await filled();
  const before = seen(account);
  const syncs = bed.disk.syncs;
  const copying = account.copy(INBOX, ALL, target, transaction(1));
  copying.catch(() => undefined);
  while (bed.disk.syncs < syncs + 1) await new Promise((resolve) => void setImmediate(resolve));
  bed.disk.nextSync = new Failure('unknown', 'input/output error');
  await t.rejects(copying);
  const next = await bed.open();
  t.strictSame(seen(next), before);
  t.equal(await next.outcome(transaction(1)), 'refused');
  await append(next);
  t.equal(next.mailboxById(target)?.exists, 0);
  await same(t, bed, next);
});

void t.test('a move: each message is in one mailbox at any time, and the result tells all', async (t) => {
  const { bed, account, target } = await filled();
  const wrong: number[] = [];
  account.watch(() => {
    const [from, to] = [INBOX, target].map((id) => account.mailboxById(id)?.exists ?? 0) as [number, number];
    if (from + to < COUNT || from + to > COUNT + 1) wrong.push(from + to);
  });
  const moving = account.move(INBOX, ALL, target, transaction(1));
  const other = append(account, [], { mailbox: target });
  const copied = await moving;
  await other;
  t.strictSame(copied.from, ALL);
  t.ok(copied.runs.length <= 2, 'in two runs where the other came in between');
  t.equal(countOf(newUids(copied)), COUNT);
  t.strictSame(wrong, []);
  t.equal(account.mailboxById(INBOX)?.exists, 0);
  t.equal(account.mailboxById(target)?.exists, COUNT + 1);
  t.strictSame(await account.move(INBOX, ALL, target, transaction(1)), copied, 'asked again');
  await same(t, bed, account);
});

void t.test('RFC 9051 section 6.3.6: a large INBOX is renamed into a new mailbox, and stays', async (t) => {
  const { bed, account } = await filled();
  const inbox = account.mailboxById(INBOX)!;
  const { uidValidity } = inbox;
  const flags = FLAGS.map((_, index) => inbox.at(index).flags);
  const commits = bed.disk.syncs;
  const renaming = account.renameMailbox('inbox', 'old/mail', transaction(1));
  // What comes meanwhile belongs to the INBOX that is left.
  while (account.mailbox('old/mail') === undefined)
    await new Promise((resolve) => void setImmediate(resolve));
  const { uid } = await append(account, [], { text: 'later' });
  await renaming;
  t.ok(bed.disk.syncs - commits >= 3, 'in slices');
  const old = account.mailbox('old/mail')!;
  t.equal(old.exists, COUNT);
  t.strictSame([old.at(0).uid, old.at(COUNT - 1).uid], [1, COUNT]);
  t.strictSame(
    FLAGS.map((_, index) => old.at(index).flags),
    flags,
  );
  t.strictSame([...inbox.uids(0, 9)], [uid]);
  t.equal(inbox.uidValidity, uidValidity);
  await account.renameMailbox('INBOX', 'old/mail', transaction(1));
  t.equal(old.exists, COUNT, 'asked again, nothing happens');
  await t.rejects(account.renameMailbox('INBOX', 'old/mail'), { code: 'exists' });
  await account.move(old.id, ALL, INBOX);
  await t.rejects(account.renameMailbox('INBOX', 'old/mail'), { code: 'exists' }, 'a large one too');
  await same(t, bed, account);
});

void t.test(
  'what is left of a large deleted mailbox goes behind it, and is nobody’s meanwhile',
  async (t) => {
    const { bed, account, target } = await filled(new Bed({ messagesPerAccountMax: 3 * COUNT }));
    await account.copy(INBOX, ALL, target);
    await account.move(INBOX, ALL, account.mailbox('Junk')!.id);
    const view = account.mailboxById(target)!;
    await account.deleteMailbox('Archive');
    t.equal(account.mailbox('Archive'), undefined);
    t.strictSame([view.exists, view.unseen, view.deleted, view.octets, view.keywords], [0, 0, 0, 0, []]);
    t.equal(view.expungedSince(view.uidNext as never), undefined, 'who looked at it is told to look again');
    const junk = account.mailbox('Junk')!;
    t.equal((await account.read(junk.at(7))).toString(), 'text 8', 'a content that others have stays');
    await same(t, bed, account);
    // A snapshot has no remains: what is not let go yet is, at once.
    await account.deleteMailbox('Junk');
    await account.close();
    await same(t, bed, await bed.open());
    t.equal(bed.replayed().blobs.count, 0);
  },
);

void t.test('a copy of more messages than copyMessagesMax copies none', async (t) => {
  const { bed, account, target } = await filled(new Bed({ copyMessagesMax: COUNT - 1 }));
  await t.rejects(account.copy(INBOX, ALL, target), { code: 'limit', message: /in one copy/ });
  t.equal(account.mailboxById(target)?.exists, 0);
  await account.copy(INBOX, [[2, COUNT]], target);
  t.equal(account.mailboxById(target)?.exists, COUNT - 1);
  await same(t, bed, account);
});

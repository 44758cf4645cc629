/** COPY and MOVE of more messages than one turn takes (docs/architecture.md section 6, invariant 8). */
import t from 'tap';
import { Failure } from '../../../../src/lib/failure.ts';
import type { OpenAccount } from '../../../../src/store/account/account.ts';
import { TRANSFER_WHOLE_MAX } from '../../../../src/store/account/limits.ts';
import type { MailboxId, Uid } from '../../../../src/store/account/types.ts';
import { append, Bed, checkConsistency, INBOX, picture, seen, transaction } from '../support.ts';

const COUNT = TRANSFER_WHOLE_MAX + 300;
const ALL = Array.from({ length: COUNT }, (_, index) => (index + 1) as Uid);
const FLAGS = [[], ['\\Seen'], ['\\Deleted', 'one'], ['\\Seen', 'One', 'two']];

async function filled(bed = new Bed()): Promise<{ bed: Bed; account: OpenAccount; target: MailboxId }> {
  const account = await bed.open();
  await Promise.all(ALL.map((uid) => append(account, FLAGS[uid % FLAGS.length], { text: `text ${uid}` })));
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
  const { uids, uidValidity } = await account.copy(INBOX, ALL, target, transaction(1));
  t.equal(uids.length, COUNT);
  t.strictSame(uids[COUNT - 1], [COUNT, COUNT]);
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
  t.strictSame(await account.copy(INBOX, ALL, target, transaction(1)), { uidValidity, uids }, 'asked again');
  t.equal(copy?.exists, COUNT);
  await same(t, bed, account);
});

void t.test('RFC 9051 section 6.4.7: a copy that fails leaves the target as it was', async (t) => {
  const { bed, account, target } = await filled(new Bed({ messagesPerMailboxMax: COUNT + 5 }));
  await Promise.all(Array.from({ length: 3 }, () => append(account, [], { mailbox: target })));
  const before = picture(bed.replayed());
  const copying = account.copy(INBOX, ALL, target);
  // Others come in the way while it is under way.
  await Promise.all(Array.from({ length: 3 }, () => append(account, [], { mailbox: target })));
  await t.rejects(copying, { code: 'limit' });
  t.equal(account.mailboxById(target)?.exists, 6);
  await same(t, bed, account);
  t.not(before, undefined);
});

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
  const { uids, uidValidity } = await moving;
  await other;
  t.equal(uids.length, COUNT);
  t.strictSame(wrong, []);
  t.equal(account.mailboxById(INBOX)?.exists, 0);
  t.equal(account.mailboxById(target)?.exists, COUNT + 1);
  t.strictSame(await account.move(INBOX, ALL, target, transaction(1)), { uidValidity, uids }, 'asked again');
  await same(t, bed, account);
});

/** \Recent: what is remembered of it, and what of one session (RFC 3501 section 2.3.2). */
import t from 'tap';
import { RecentBook, RecentUids } from '../../../src/imap/session/recent.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import { append, Bed, INBOX } from '../../store/account/support.ts';

void t.test('the book is kept with the account, and forgets mailboxes that are gone', async (t) => {
  const bed = new Bed();
  let account = await bed.open();
  await append(account);
  const other = await account.createMailbox('other');
  const book = new RecentBook(account);
  t.equal(book.first(INBOX), 1);
  await book.save();
  t.equal(account.property('imap.recent'), undefined, 'nothing new, nothing written');
  book.told(INBOX, 2);
  book.told(INBOX, 1);
  book.told(other.id, 9);
  t.equal(book.first(INBOX), 2, 'it only grows');
  await book.save();
  await account.close();

  account = await bed.open();
  t.equal(new RecentBook(account).first(other.id), 9);
  await account.deleteMailbox('other');
  const later = new RecentBook(account);
  later.told(INBOX, 3);
  await later.save();
  t.equal(new RecentBook(account).first(INBOX), 3);
  t.equal(new RecentBook(account).first(other.id), 1);
  await account.close();
  await later.save();
  t.pass('an account that is gone is left alone');
});

void t.test('a value that is none counts as nothing known; a write that fails is tried again', async (t) => {
  let written = 0;
  const book = new RecentBook({
    property: () => Buffer.from([5, 1]),
    setProperties: async () => {
      if (++written === 1) throw new Error('no space');
    },
    mailboxById: () => ({}) as never,
    gone: new AbortController().signal,
  });
  const id = 1 as MailboxId;
  t.equal(book.first(id), 1);
  book.told(id, 5);
  await book.save();
  await book.save();
  await book.save();
  t.equal(written, 2);
});

void t.test('UIDs of a session', async (t) => {
  const recent = new RecentUids([[1, 3]]);
  recent.add(4, 5);
  recent.add(8, 7);
  recent.add(9, 9);
  t.same(recent.ranges, [
    [1, 5],
    [9, 9],
  ]);
  t.same(
    [0, 1, 5, 6, 8, 9, 10].map((uid) => recent.has(uid)),
    [false, true, true, false, false, true, false],
  );
  const uids = [2, 4, 6, 9];
  t.equal(recent.countIn({ lowerBound: (uid) => uids.filter((each) => each < uid).length }), 3);
  for (let uid = 11; uid < 5000; uid += 2) recent.add(uid, uid);
  t.equal(recent.ranges.length, 1000, 'bounded: the oldest are recent no longer');
  t.ok(recent.has(4999));
});

/** STORE and EXPUNGE of more messages than one turn of the loop is given: in slices, with the outcome of one. */
import t from 'tap';
import { TRANSFER_WHOLE_MAX } from '../../../src/store/account/limits.ts';
import type { UidRanges } from '../../../src/store/account/ranges.ts';
import type { Uid } from '../../../src/store/account/types.ts';
import { append, Bed, checkConsistency, INBOX, messages, picture, ranges, transaction } from './support.ts';

const COUNT = 2 * TRANSFER_WHOLE_MAX + 7;
const ALL: UidRanges = [[1, COUNT]];

async function full(bed: Bed) {
  const account = await bed.open();
  await append(account);
  // Doubled by copies: a hundred times as fast as appends.
  for (let count = 1; count < COUNT; count = account.mailbox('INBOX')!.exists)
    await account.copy(INBOX, [[1, Math.min(count, COUNT - count)]], INBOX);
  return account;
}

void t.test('STORE: everything is changed, in several commits, and remembered as one', async (t) => {
  const bed = new Bed();
  const account = await full(bed);
  const inbox = account.mailbox('INBOX')!;
  t.equal(inbox.exists, COUNT);
  const uids = ALL;
  const before = bed.disk.records.length;
  const id = transaction(1);
  const change = { uids, mode: 'add', flags: ['\\Seen', 'Work'] } as const;
  const stored = await account.storeFlags(INBOX, change, id);
  t.same(stored, { changed: ALL, refused: [] });
  t.equal(inbox.unseen, 0);
  t.ok(bed.disk.records.length - before >= 3, 'a commit a slice');
  const records = bed.disk.records.length;
  t.same(await account.storeFlags(INBOX, change, id), stored, 'sent again: the first result');
  t.equal(bed.disk.records.length, records, 'and nothing is written');
  const state = bed.replayed();
  checkConsistency(state);
  t.same(picture(bed.replayed()), picture(state));
  await account.close();
});

void t.test('STORE of what is so already: nothing is written, and others have their turns', async (t) => {
  const bed = new Bed();
  const account = await full(bed);
  const change = { uids: ALL, mode: 'remove', flags: ['\\Seen'] } as const;
  const records = bed.disk.records.length;
  const { sleep } = bed.clock;
  let rests = 0;
  bed.clock.sleep = () => {
    rests++;
    return sleep();
  };
  t.same(await account.storeFlags(INBOX, change), { changed: [], refused: [] });
  t.equal(bed.disk.records.length, records);
  t.equal(rests, 3, 'one a slice');
  await account.close();
});

void t.test('STORE: what is refused by unchangedSince is named whichever slice it is in', async (t) => {
  const bed = new Bed();
  const account = await full(bed);
  const inbox = account.mailbox('INBOX')!;
  const since = inbox.highestModseq;
  const touched = ranges(4, COUNT - 1);
  await account.storeFlags(INBOX, { uids: touched, mode: 'add', flags: ['\\Flagged'] });
  const stored = await account.storeFlags(INBOX, {
    uids: ALL,
    mode: 'replace',
    flags: ['\\Seen'],
    unchangedSince: since,
  });
  t.same(stored.refused, touched);
  t.same(stored.changed, [
    [1, 3],
    [5, COUNT - 2],
    [COUNT, COUNT],
  ]);
  await account.close();
});

void t.test('EXPUNGE: all that have \\Deleted and no others; or of them those named', async (t) => {
  const bed = new Bed();
  const account = await full(bed);
  const inbox = account.mailbox('INBOX')!;
  const uids = [...inbox.uids(0, COUNT)] as Uid[];
  const going = uids.filter((_, index) => index % 13 !== 0);
  await account.storeFlags(INBOX, { uids: ranges(...going), mode: 'add', flags: ['\\Deleted'] });
  const named = going.slice(0, 10);
  t.same(await account.expunge(INBOX, ranges(...named, uids[0]!)), ranges(...named));
  const gone = await account.expunge(INBOX, undefined, transaction(1));
  t.same(gone, ranges(...going.slice(10)));
  t.same(
    messages(account).map(({ uid }) => uid),
    uids.filter((_, index) => index % 13 === 0),
  );
  t.same(await account.expunge(INBOX, undefined, transaction(1)), gone, 'sent again: the first result');
  checkConsistency(bed.replayed());
  await account.close();
});

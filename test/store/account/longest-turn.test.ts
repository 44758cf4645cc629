/**
 * docs/architecture.md section 6, invariant 8: nothing holds the event loop. Each operation on 200,000 messages, measured by
 * the time of the processor that this thread took between two turns: what else the machine does does not count.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import type { OpenAccount } from '../../../src/store/account/account.ts';
import type { UidRanges } from '../../../src/store/account/ranges.ts';
import { encodeState } from '../../../src/store/account/snapshot.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import { append, Bed, checkConsistency, INBOX, ranges, transaction } from './support.ts';

const COUNT = 200_000;
/** Generous: slices take about ten; one operation in one turn takes several hundred. */
const TURN_MS_MAX = 75;

/** The longest turn while `work` runs, in milliseconds of processor time. */
async function longestTurn(work: () => unknown): Promise<number> {
  let isOver = false;
  let longest = 0;
  let last = process.threadCpuUsage();
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = process.threadCpuUsage();
  };
  const watching = (async () => {
    while (!isOver) {
      await immediate();
      look();
    }
  })();
  await immediate();
  await work();
  isOver = true;
  await watching;
  return longest;
}

/** INBOX with so many messages, of few contents. */
async function filled(bed: Bed): Promise<OpenAccount> {
  const account = await bed.open();
  const flags = [['\\Seen'], [], ['work'], ['\\Flagged', 'home']];
  await Promise.all(
    Array.from({ length: 1000 }, (_, index) => append(account, flags[index % 4], { text: `${index}` })),
  );
  const inbox = account.mailboxById(INBOX)!;
  while (inbox.exists < COUNT) {
    await account.copy(INBOX, [[1, Math.min(inbox.exists, COUNT - inbox.exists)]], INBOX);
  }
  return account;
}

void t.test('no operation on 200,000 messages takes a long turn', async (t) => {
  const bed = new Bed();
  const account = await filled(bed);
  const inbox = account.mailboxById(INBOX)!;
  t.equal(inbox.exists, COUNT);
  const id = (name: string) => account.mailbox(name)?.id as MailboxId;
  const all = (name = 'INBOX'): UidRanges => [[1, account.mailbox(name)!.uidNext - 1]];
  const uids = all();
  const before = inbox.highestModseq;
  const check = async (what: string, work: () => unknown): Promise<void> => {
    const ms = await longestTurn(work);
    t.ok(ms < TURN_MS_MAX, `${what}: ${ms.toFixed(1)} ms`);
  };
  await check('APPEND', () => append(account));
  await check('SELECT', () => [inbox.uids(0, inbox.exists), inbox.firstUnseen, inbox.keywords]);
  const label = { uids, mode: 'add', flags: ['$Label'] } as const;
  await check('STORE', () => account.storeFlags(INBOX, label, transaction(1)));
  await check('STORE, asked again', () => account.storeFlags(INBOX, label, transaction(1)));
  await check('STORE of what is so', () => account.storeFlags(INBOX, label));
  await check('CHANGEDSINCE, all', () => t.equal(inbox.changedSince(before).length, COUNT + 1));
  await check('CHANGEDSINCE, after each of 100 changes', async () => {
    for (let turn = 0; turn < 100; turn++) {
      const { highestModseq } = inbox;
      await account.storeFlags(INBOX, { uids: ranges(turn + 1), mode: 'add', flags: ['\\Answered'] });
      if (inbox.changedSince(highestModseq).join() !== String(turn + 1)) throw new Error('wrong');
    }
  });
  const copy = () => account.copy(INBOX, uids, id('Archive'), transaction(2));
  await check('COPY', copy);
  await check('COPY, asked again', copy);
  const archived = all('Archive');
  const move = () => account.move(id('Archive'), archived, id('Junk'), transaction(3));
  await check('MOVE', move);
  await check('MOVE, asked again', move);
  await check('DELETE', async () => {
    await account.createMailbox('Large');
    await account.move(id('Junk'), all('Junk'), id('Large'));
    await account.deleteMailbox('Large');
    // What is left is let go in the background.
    for (let turn = 0; turn < 200; turn++) await immediate();
  });
  const { id: gone } = await account.createMailbox('Gone');
  await check('a COPY that is refused', async () => {
    const copying = account.copy(INBOX, uids, gone);
    copying.catch(() => undefined);
    const { syncs } = bed.disk;
    // Most of it is staged.
    while (bed.disk.syncs < syncs + 30) await immediate();
    await account.deleteMailbox('Gone');
    await t.rejects(copying, { code: 'not-found' });
  });
  await check('RENAME of INBOX', () => account.renameMailbox('INBOX', 'Old'));
  t.ok(account.mailbox('Old')!.exists >= COUNT);
  t.equal(inbox.exists, 0);
  await check('QRESYNC', () => inbox.expungedSince(before));
  await check('STORE of \\Deleted', () =>
    account.storeFlags(id('Old'), { uids: all('Old'), mode: 'add', flags: ['\\Deleted'] }),
  );
  const state = bed.replayed();
  await check('a snapshot', () => encodeState(state, { files: [], currentPlace: (place) => place }));
  const everyOther = Array.from({ length: COUNT / 2 }, (_, index) => [2 * index + 1, 2 * index + 1] as const);
  const expunge = () => account.expunge(id('Old'), everyOther, transaction(4));
  await check('UID EXPUNGE of every other', expunge);
  t.same((await account.expunge(id('Old'), everyOther, transaction(4))).length, COUNT / 2);
  await check('UID EXPUNGE, asked again', expunge);
  await check('EXPUNGE', () => account.expunge(id('Old')));
  t.equal(account.mailbox('Old')!.exists, 0);
  checkConsistency(bed.replayed());
});

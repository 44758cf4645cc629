/**
 * docs/architecture.md section 6, invariant 8: nothing holds the event loop. Each operation on 200,000 messages, measured by
 * the time of the processor that this thread took between two turns: what else the machine does does not count.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import type { OpenAccount } from '../../../src/store/account/account.ts';
import { encodeState } from '../../../src/store/account/snapshot.ts';
import type { MailboxId, Uid } from '../../../src/store/account/types.ts';
import { append, Bed, checkConsistency, INBOX } from './support.ts';

const COUNT = 200_000;
/** Generous: slices take about ten; one operation in one turn takes several hundred. */
const TURN_MS_MAX = 150;

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
    const uids = [...inbox.uids(0, Math.min(inbox.exists, COUNT - inbox.exists))] as Uid[];
    await account.copy(INBOX, uids, INBOX);
  }
  return account;
}

void t.test('no operation on 200,000 messages takes a long turn', async (t) => {
  const bed = new Bed();
  const account = await filled(bed);
  const inbox = account.mailboxById(INBOX)!;
  t.equal(inbox.exists, COUNT);
  const id = (name: string) => account.mailbox(name)?.id as MailboxId;
  const all = (name = 'INBOX') => [...account.mailbox(name)!.uids(0, 2 * COUNT)] as Uid[];
  const uids = all();
  const before = inbox.highestModseq;
  const check = async (what: string, work: () => unknown): Promise<void> => {
    const ms = await longestTurn(work);
    t.ok(ms < TURN_MS_MAX, `${what}: ${ms.toFixed(1)} ms`);
  };
  await check('APPEND', () => append(account));
  await check('SELECT', () => [inbox.uids(0, inbox.exists), inbox.firstUnseen, inbox.keywords]);
  await check('STORE', () => account.storeFlags(INBOX, { uids, mode: 'add', flags: ['$Label'] }));
  await check('CHANGEDSINCE, all', () => t.equal(inbox.changedSince(before).length, COUNT + 1));
  await check('CHANGEDSINCE, after each of 100 changes', async () => {
    for (let turn = 0; turn < 100; turn++) {
      const { highestModseq } = inbox;
      await account.storeFlags(INBOX, { uids: [uids[turn]!], mode: 'add', flags: ['\\Answered'] });
      if (inbox.changedSince(highestModseq).join() !== String(uids[turn])) throw new Error('wrong');
    }
  });
  await check('COPY', () => account.copy(INBOX, uids, id('Archive')));
  await check('MOVE', () => account.move(id('Archive'), all('Archive'), id('Junk')));
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
  await check('EXPUNGE', () => account.expunge(id('Old')));
  t.equal(account.mailbox('Old')!.exists, 0);
  checkConsistency(bed.replayed());
});

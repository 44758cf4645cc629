/** An account in which a bit of everything happened: its records, and the state that they make. */
import type { AccountState } from '../../../src/store/account/state.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import type { LogRecord } from '../../../src/store/log/types.ts';
import { append, Bed, INBOX, ranges, transaction } from './support.ts';

export interface AccountCorpus {
  readonly records: readonly LogRecord[];
  readonly state: AccountState;
}

export async function accountCorpus(): Promise<AccountCorpus> {
  const bed = new Bed();
  const account = await bed.open();
  const archive = account.mailbox('Archive')?.id as MailboxId;
  for (let number = 1; number <= 9; number++)
    await append(account, number % 2 ? ['\\Seen', 'One'] : ['two', 'One'], {
      text: `text ${number}`,
      transaction: transaction(number, Math.max(1, number - 3)),
    });
  await account.copy(INBOX, ranges(1, 2, 3), archive);
  await account.storeFlags(INBOX, { uids: ranges(4), mode: 'replace', flags: ['\\Deleted', 'three'] });
  await account.move(INBOX, ranges(5, 6), archive);
  await account.expunge(INBOX);
  await account.createMailbox('a/b');
  await account.deleteMailbox('Trash');
  await account.setSubscribed('nowhere', true);
  await account.setProperties(new Map([['key', Buffer.from('value')]]));
  await account.outcome(transaction(3, 1, 'b'));
  return { records: bed.disk.records, state: bed.replayed() };
}

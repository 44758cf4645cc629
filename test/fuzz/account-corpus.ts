/** An account in which a bit of everything happened: its records, and the state that they make. */
import type { AccountState } from '../../src/store/account/state.ts';
import type { MailboxId } from '../../src/store/account/types.ts';
import type { LogRecord } from '../../src/store/log/types.ts';
import { append, Bed, INBOX, transaction, uids } from '../store/account/support.ts';

export interface AccountCorpus {
  readonly records: readonly LogRecord[];
  readonly state: AccountState;
}

export async function accountCorpus(): Promise<AccountCorpus> {
  const bed = new Bed();
  const account = await bed.open();
  const archive = account.mailbox('Archive')?.id as MailboxId;
  for (let number = 1; number <= 4; number++)
    await append(account, ['\\Seen', 'One'], { text: `text ${number}`, transaction: transaction(number) });
  await account.copy(INBOX, uids(1, 2), archive);
  await account.storeFlags(INBOX, { uids: uids(3), mode: 'replace', flags: ['\\Deleted', 'two'] });
  await account.move(INBOX, uids(4), archive);
  await account.expunge(INBOX);
  await account.createMailbox('a/b');
  await account.deleteMailbox('Trash');
  await account.setSubscribed('nowhere', true);
  await account.setProperties(new Map([['key', Buffer.from('value')]]));
  await account.outcome(transaction(9, 1, 'b'));
  return { records: bed.disk.records, state: bed.replayed() };
}

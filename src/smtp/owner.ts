/** Mail in, on the owner: commits a message to the account's log and answers when that has passed rule 3. */
import type { Bus } from '../cluster/bus/types.ts';
import { readObjectId, readTransactionId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { Account } from '../store/account/types.ts';
import type { ObjectId } from '../store/ids.ts';

/** Opens accounts of slots that this worker owns. Failure 'moved', 'unavailable', 'not-found'. */
export interface AccountHost {
  withAccount<T>(id: ObjectId, work: (account: Account) => Promise<T>): Promise<T>;
}

export function serveMail(bus: Pick<Bus, 'serve'>, host: AccountHost, clock: Clock): void {
  bus.serve('mail.deliver', (body) => {
    const { object, content, transaction } = (body ?? {}) as Record<string, unknown>;
    if (!Buffer.isBuffer(content)) throw new Failure('invalid', 'mail.deliver: no content');
    const id = readObjectId(object);
    const transactionId = readTransactionId(transaction);
    return host.withAccount(id, async (account) => {
      const inbox = account.mailbox('INBOX');
      if (inbox === undefined) throw new Failure('damaged', 'account without INBOX');
      const message = { content, flags: [], internalDateMs: clock.wallMs() };
      const { uidValidity, uid } = await account.append(inbox.id, message, transactionId);
      return { uidValidity, uid };
    });
  });
}

/** Mail in, on the owner: commits a message to the account's log and answers when that has passed rule 3. */
import type { Bus } from '../cluster/bus/types.ts';
import { readObjectId, readTransactionId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';
import type { HostedAccount } from '../store/host/types.ts';
import { type Incarnation, type ObjectId, objectKey } from '../store/ids.ts';

export interface MailOwnerOptions {
  readonly bus: Pick<Bus, 'serve'>;
  /** Opens accounts of slots that this worker owns. Failure 'moved', 'unavailable', 'not-found'. */
  readonly host: { withAccount<T>(id: ObjectId, work: (account: HostedAccount) => Promise<T>): Promise<T> };
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a frontend worker has been gone; 0 while it is there. */
  readonly goneForMs: (incarnation: Incarnation) => number;
}

/** docs/architecture.md, section 3: "all of an incarnation 15 minutes after it is gone". */
const FORGET_AFTER_MS = 15 * 60_000;

export function serveMail({ bus, host, clock, logger, goneForMs }: MailOwnerOptions): void {
  bus.serve('mail.deliver', (body) => {
    const { object, parts, transaction } = (body ?? {}) as Record<string, unknown>;
    if (!isParts(parts)) throw new Failure('invalid', 'mail.deliver: no content');
    const content = Buffer.concat(parts);
    const id = readObjectId(object);
    const transactionId = readTransactionId(transaction);
    return host.withAccount(id, async (account) => {
      const inbox = account.mailbox('INBOX');
      if (inbox === undefined) throw new Failure('damaged', 'account without INBOX');
      const message = { content, flags: [], internalDateMs: clock.wallMs() };
      const { uidValidity, uid } = await account.append(inbox.id, message, transactionId);
      forgetGone(account);
      return { uidValidity, uid };
    });
  });

  /** Here, because the account's log is being written anyway; looking alone must not write. */
  function forgetGone(account: HostedAccount): void {
    for (const incarnation of account.incarnations()) {
      if (goneForMs(incarnation) < FORGET_AFTER_MS) continue;
      account
        .forgetIncarnation(incarnation)
        .catch((err: unknown) =>
          logger.debug({ err, object: objectKey(account.id) }, 'incarnation not forgotten yet'),
        );
    }
  }
}

function isParts(value: unknown): value is readonly Buffer[] {
  return Array.isArray(value) && value.every((part) => Buffer.isBuffer(part));
}

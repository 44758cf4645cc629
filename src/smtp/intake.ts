/**
 * Mail in, on the frontend: resolves recipients at the owners of their names and commits messages at the owners of the
 * accounts (docs/architecture.md, section 5). A message is accepted only when its commit was answered. An answer that
 * got lost is asked for by sending the request again under its transaction id: the account's log remembers what it did.
 */
import type { SlotRouter } from '../cluster/types.ts';
import type { TransactionNumbers } from '../directory/transactions.ts';
import type { Directory } from '../directory/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import { objectKey } from '../store/ids.ts';
import { slotOfObject } from '../store/slots.ts';
import { NO_SUCH_MAILBOX, NOT_OUR_DOMAIN, replyFor } from './replies.ts';
import type { MailIntake, Recipient, Reply } from './types.ts';

export interface IntakeOptions {
  readonly directory: Directory;
  readonly router: SlotRouter;
  readonly transactions: TransactionNumbers;
  readonly logger: Logger;
  /** How long a command may wait for an owner before it is answered 451. */
  readonly waitMs: number;
}

export function createIntake(options: IntakeOptions): MailIntake {
  const { directory, router, transactions, logger, waitMs } = options;

  async function resolve(address: string): Promise<Recipient | Reply> {
    try {
      const parsed = directory.parse(address);
      if (parsed === undefined) return NOT_OUR_DOMAIN;
      const found = await directory.resolve(parsed.domainId, parsed.name, waitMs);
      return found.kind === 'account' ? { forwardPath: address, object: found.object } : NO_SUCH_MAILBOX;
    } catch (error) {
      logger.warn({ address, err: error }, 'recipient not resolved');
      return replyFor(error);
    }
  }

  async function deliver(recipient: Recipient, content: readonly Buffer[]): Promise<Reply | undefined> {
    const { object } = recipient;
    using transaction = transactions.begin();
    const body = {
      object,
      content: Buffer.concat(content),
      get transaction() {
        return transaction.id;
      },
    };
    try {
      await router.call(slotOfObject(object), 'mail.deliver', body, { timeoutMs: waitMs, repeatable: true });
      return undefined;
    } catch (error) {
      const reply = replyFor(error instanceof Failure ? error : new Failure('unknown', String(error)));
      logger.warn({ object: objectKey(object), reply: reply.text, err: error }, 'message not accepted');
      return reply;
    }
  }

  return { resolve, deliver };
}

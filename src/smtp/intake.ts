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
import { isPostmaster } from './postmaster.ts';
import { NO_SUCH_MAILBOX, NOT_OUR_DOMAIN, replyFor, TRY_LATER } from './replies.ts';
import type { Envelope, MailIntake, Recipient, Reply } from './types.ts';

export interface IntakeOptions {
  readonly directory: Directory;
  readonly router: SlotRouter;
  readonly transactions: TransactionNumbers;
  readonly logger: Logger;
  /**
   * Who may get mail for a postmaster that has no account (postmaster.ts), first to last; asked each time, as settings
   * change. Where nobody can, it is refused for a while.
   */
  readonly postmasters?: () => readonly string[];
  /** How long a command may wait for an owner before it is answered 451. */
  readonly waitMs: number;
}

export function createIntake(options: IntakeOptions): MailIntake {
  const { directory, router, transactions, logger, waitMs } = options;

  async function resolve(address: string): Promise<Recipient | Reply> {
    try {
      if (!address.includes('@')) return await resolvePostmaster(address);
      const parsed = directory.parse(address);
      if (parsed === undefined) return NOT_OUR_DOMAIN;
      const found = await directory.resolve(parsed.domainId, parsed.name, waitMs);
      if (found.kind === 'account') return { forwardPath: address, object: found.object };
      return isPostmaster(parsed.name) ? await resolvePostmaster(address) : NO_SUCH_MAILBOX;
    } catch (error) {
      logger.warn({ address, err: error }, 'recipient not resolved');
      return replyFor(error);
    }
  }

  /** The first of those who may get it that has an account; all are asked at once, so this waits no longer than one. */
  async function resolvePostmaster(forwardPath: string): Promise<Recipient | Reply> {
    const answers = await Promise.allSettled(
      (options.postmasters?.() ?? []).map(async (candidate) => {
        const parsed = directory.parse(candidate);
        return parsed && directory.resolve(parsed.domainId, parsed.name, waitMs);
      }),
    );
    for (const answer of answers) {
      // Not the next one: who gets it must not depend on who is away.
      if (answer.status === 'rejected') throw answer.reason;
      if (answer.value?.kind === 'account') return { forwardPath, object: answer.value.object };
    }
    logger.warn(
      { address: forwardPath },
      'no mailbox for postmaster: make the account or set PostmasterAddress',
    );
    return TRY_LATER;
  }

  async function deliver(
    recipient: Recipient,
    parts: readonly Buffer[],
    envelope?: Envelope,
  ): Promise<Reply | undefined> {
    const { object } = recipient;
    using transaction = transactions.begin();
    const body = {
      object,
      parts, // joined by the owner: for many recipients there is one copy of the content here
      get transaction() {
        return transaction.id;
      },
    };
    try {
      await router.call(slotOfObject(object), 'mail.deliver', body, { timeoutMs: waitMs, repeatable: true });
      return undefined;
    } catch (error) {
      const reply = replyFor(error instanceof Failure ? error : new Failure('unknown', String(error)));
      const { reversePath, envid } = envelope ?? {};
      const fields = { object: objectKey(object), reversePath, envid, reply: reply.text, err: error };
      logger.warn(fields, 'message not accepted');
      return reply;
    }
  }

  return { resolve, deliver };
}

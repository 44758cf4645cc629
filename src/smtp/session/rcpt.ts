/** RCPT: RFC 5321 section 4.1.1.3. A recipient is looked up at the owner of its name before it is answered. */

import { objectKey } from '../../store/ids.ts';
import { parseRcpt } from '../codec/rcpt.ts';
import { NO_MAIL } from '../replies.ts';
import { isReply } from '../types.ts';
import type { Session } from './session.ts';
import { type Outcome, reply } from './types.ts';

const OK = reply(250, '2.1.5 recipient OK');
const TOO_MANY = reply(452, '4.5.3 too many recipients, send the others in another transaction');

export function rcpt(session: Session, argument: string): Outcome | Promise<Outcome> {
  const { transaction, options } = session;
  if (transaction === undefined) return { kind: 'reply', reply: NO_MAIL };
  if (transaction.content !== undefined || transaction.isBroken)
    return reply(503, '5.5.1 chunks of the message have come already'); // RFC 3030 section 2
  const command = parseRcpt(argument, transaction.envelope);
  if (isReply(command)) return { kind: 'reply', reply: command };
  const { forwardPath, dsn } = command;
  return options.intake.resolve(forwardPath).then((found): Outcome => {
    if (isReply(found)) return { kind: 'reply', reply: found };
    const { recipients } = transaction;
    const key = objectKey(found.object);
    // One copy for one mailbox. LMTP keeps every name of it, as each has its own reply in the end (RFC 2033 section 4.2).
    if (!session.isLmtp && recipients.some(({ object }) => objectKey(object) === key)) return OK;
    if (recipients.length >= session.recipientsMax) return TOO_MANY;
    recipients.push(dsn === undefined ? found : { ...found, dsn });
    return OK;
  });
}

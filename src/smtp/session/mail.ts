/** MAIL begins a transaction: RFC 5321 section 4.1.1.2, for users RFC 6409 section 4.3 and 6.1. */
import { parseMail } from '../codec/mail.ts';
import { TRANSACTIONS_MAX } from '../limits.ts';
import { TOO_LARGE } from '../replies.ts';
import { type Envelope, isReply } from '../types.ts';
import { closing, type Session } from './session.ts';
import { type Outcome, reply } from './types.ts';

const OK = reply(250, '2.1.0 sender OK');

export function mail(session: Session, argument: string): Outcome | Promise<Outcome> {
  const { options, user } = session;
  if (options.protocol === 'submission' && user === undefined) return reply(530, `5.7.0 ${wanted(session)}`);
  if (session.transaction !== undefined) return reply(503, '5.5.1 a transaction is open: send RSET first');
  if (session.transactions >= TRANSACTIONS_MAX)
    return closing('4.7.0 too many messages in one session, connect again');
  const command = parseMail(argument, { hasAuth: options.login !== undefined });
  if (isReply(command)) return { kind: 'reply', reply: command };
  if (command.size !== undefined && command.size > options.messageOctetsMax)
    return { kind: 'reply', reply: TOO_LARGE };
  // A submitter named by a client that we do not know is none (RFC 4954 section 5).
  const envelope: Envelope = { ...command, auth: user === undefined ? undefined : command.auth };
  if (options.login === undefined || user === undefined) return begun(session, envelope);
  return options.login.senders
    .refuse(user.object, envelope.reversePath)
    .then((refused) =>
      refused === undefined ? begun(session, envelope) : { kind: 'reply', reply: refused },
    );
}

function begun(session: Session, envelope: Envelope): Outcome {
  session.begin({ envelope, recipients: [], content: undefined, isBroken: false });
  return OK;
}

/** What a client has to do before it may send (RFC 4954 section 6, RFC 3207 section 4). */
function wanted({ mechanisms, options, tls }: Session): string {
  return mechanisms.length === 0 && tls === undefined && options.hasTls
    ? 'log in first, and before that send STARTTLS'
    : 'log in first';
}

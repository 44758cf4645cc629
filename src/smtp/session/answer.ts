/** The end of a message: it is delivered to each mailbox, and the transaction is over (RFC 5321 section 3.3). */

import type { Clock } from '../../platform/platform.ts';
import { Slices } from '../../platform/slices.ts';
import { objectKey } from '../../store/ids.ts';
import { asText } from '../binary.ts';
import type { Content, Message } from '../content.ts';
import { DELIVERIES_AT_ONCE, DELIVERIES_MS_MAX, DELIVERIES_VAIN_MS_MAX } from '../limits.ts';
import { TRY_LATER } from '../replies.ts';
import { missingFields, traceFields } from '../trace.ts';
import { isReply, type Recipient, type Reply } from '../types.ts';
import type { Session } from './session.ts';
import type { SessionOptions, Transaction } from './types.ts';

/**
 * One reply for all recipients, or with LMTP one for each (RFC 2033 section 4.2), in the order of RCPT, each as soon as it
 * and those before it are known: a relay that waits for a hundred hears in between that it is not forgotten.
 */
export async function* answerMessage(
  session: Session,
  transaction: Transaction,
  content: Content,
): AsyncGenerator<Reply, void, undefined> {
  try {
    const message = await readable(content, session.options);
    if (isReply(message)) return yield* refusals(session, transaction, message);
    const replies = deliverAll(session, transaction, message);
    for (const later of session.isLmtp ? replies : replies.slice(0, 1)) {
      const reply = await later;
      if (reply.code < 300) session.accepted();
      yield reply;
    }
  } finally {
    if (session.transaction === transaction) session.reset();
    else content[Symbol.dispose]();
  }
}

/** A message is refused as a whole: with LMTP to each recipient that was accepted (RFC 2033 section 4.2). */
export function refusals({ isLmtp }: Session, { recipients }: Transaction, reply: Reply): readonly Reply[] {
  return isLmtp && recipients.length > 0 ? recipients.map(() => reply) : [reply];
}

/** What every protocol that reads mail can send, or the reply that refuses the message. */
async function readable(
  content: Content,
  { messageOctetsMax, clock }: SessionOptions,
): Promise<Message | Reply> {
  const message = content.end();
  if (isReply(message) || message.isText) return message;
  const take = (octets: number): boolean => content.take(octets);
  return asText(message, { octetsMax: messageOctetsMax, take, slices: new Slices(clock) });
}

/** The copy for one mailbox, and what became of it. */
interface Copy {
  readonly recipient: Recipient;
  readonly outcome: PromiseWithResolvers<Reply>;
}

/** One reply for each recipient; those who are names of one mailbox get one copy, and the same reply. */
function deliverAll(session: Session, transaction: Transaction, message: Message): readonly Promise<Reply>[] {
  const { options } = session;
  const { envelope, recipients } = transaction;
  const id = `${session.id}-${session.transactions}`;
  const accepted: Reply = { code: 250, text: `2.0.0 ${id} is kept` };
  const copies = new Map<string, Copy>();
  const replies = recipients.map((recipient) => {
    const key = objectKey(recipient.object);
    const copy = copies.get(key) ?? { recipient, outcome: Promise.withResolvers<Reply>() };
    copies.set(key, copy);
    return copy.outcome.promise;
  });
  const patience = new Patience(options.clock);
  const deliver = async (recipient: Recipient): Promise<Reply> => {
    if (patience.isOver) return TRY_LATER;
    const fields = Buffer.from(fieldsFor(session, transaction, recipient, message, id));
    const refused = await options.intake.deliver(recipient, [fields, ...message.parts], envelope);
    if (refused === undefined) patience.renew();
    return refused ?? accepted;
  };
  const rest = copies.values();
  const work = async (): Promise<void> => {
    for (const { recipient, outcome } of rest) {
      outcome.resolve(deliver(recipient));
      await outcome.promise.catch(() => undefined); // it is whose reply it is who hears of a bug
    }
  };
  for (let count = 0; count < Math.min(DELIVERIES_AT_ONCE, copies.size); count++) void work();
  return replies;
}

/**
 * How long deliveries are still begun. A relay gives up after ten minutes (RFC 5321 section 4.5.3.2.6) and then sends
 * everything again, what was delivered too; so when owners are away the rest is put off without asking them.
 */
class Patience {
  readonly #clock: Clock;
  readonly #sinceMs: number;
  #acceptedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    this.#acceptedMs = this.#sinceMs;
  }

  renew(): void {
    this.#acceptedMs = this.#clock.monotonicMs();
  }

  get isOver(): boolean {
    const nowMs = this.#clock.monotonicMs();
    return nowMs - this.#sinceMs >= DELIVERIES_MS_MAX || nowMs - this.#acceptedMs >= DELIVERIES_VAIN_MS_MAX;
  }
}

function fieldsFor(
  session: Session,
  { envelope }: Transaction,
  recipient: Recipient,
  message: Message,
  id: string,
): string {
  const { options, tls, remote } = session;
  const trace = {
    envelope,
    recipient,
    helo: session.hello?.name ?? 'unknown',
    remoteHost: remote.host,
    tls,
    by: options.hostName,
    with: withProtocol(session, envelope.smtpUtf8),
    id,
    atMs: options.clock.wallMs(),
  };
  return traceFields(trace) + (options.protocol === 'submission' ? missingFields(message, trace) : '');
}

/** RFC 3848 and RFC 6531 section 4.3. */
function withProtocol({ hello, tls, user, isLmtp }: Session, smtpUtf8: boolean): string {
  if (hello?.verb === 'HELO') return 'SMTP';
  const name = isLmtp ? 'LMTP' : 'SMTP';
  const prefix = smtpUtf8 ? 'UTF8' : name === 'SMTP' ? 'E' : '';
  return `${prefix}${name}${tls === undefined ? '' : 'S'}${user === undefined ? '' : 'A'}`;
}

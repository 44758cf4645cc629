/**
 * BDAT: RFC 3030 section 2. The octets of a chunk are read whatever is wrong, as the client may have sent them with the
 * command; only where a line does not say how many there are, nothing after it can be understood, and the session ends.
 */
import { parseBdat } from '../codec/bdat.ts';
import { Content } from '../content.ts';
import { NO_MAIL, NO_RECIPIENT } from '../replies.ts';
import type { Reply } from '../types.ts';
import { answerMessage, refusals } from './answer.ts';
import { closing, type Session } from './session.ts';
import type { Outcome, Transaction } from './types.ts';

export function bdat(session: Session, argument: string): Outcome {
  const chunk = parseBdat(argument);
  if (chunk === undefined) return closing('4.7.0 what follows cannot be told from commands', BAD_SYNTAX);
  const { transaction } = session;
  const framing = { kind: 'counted', octets: chunk.octets } as const;
  const wrong = refusal(transaction);
  if (wrong !== undefined || transaction === undefined) {
    const reply = wrong ?? NO_MAIL;
    const replies =
      transaction !== undefined && chunk.isLast ? refusals(session, transaction, reply) : [reply];
    return { kind: 'receive', reply: undefined, framing, add: passOver, end: () => replies };
  }
  const content = (transaction.content ??= new Content(session.options, transaction.envelope.body));
  return {
    kind: 'receive',
    reply: undefined,
    framing,
    add: (octets) => {
      content.add(octets);
      return true; // where the chunk ends is known whatever is in it
    },
    end: () =>
      chunk.isLast
        ? answerMessage(session, transaction, content)
        : answerChunk(transaction, content, chunk.octets),
  };
}

const BAD_SYNTAX: Reply = { code: 501, text: '5.5.4 syntax: BDAT octets [LAST]' };
const BROKEN: Reply = { code: 503, text: '5.5.1 chunk thrown away after an earlier error: send RSET' };

function refusal(transaction: Transaction | undefined): Reply | undefined {
  if (transaction === undefined) return NO_MAIL;
  if (transaction.isBroken) return BROKEN;
  return transaction.recipients.length === 0 ? NO_RECIPIENT : undefined;
}

function answerChunk(transaction: Transaction, content: Content, octets: number): readonly Reply[] {
  if (content.refusal === undefined) return [{ code: 250, text: `2.0.0 ${octets} octets received` }];
  transaction.isBroken = true;
  return [content.refusal];
}

function passOver(): boolean {
  return true;
}

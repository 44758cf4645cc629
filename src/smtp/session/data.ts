/** DATA: RFC 5321 section 4.1.1.4. */
import { Content } from '../content.ts';
import { BARE_LINE_END, NO_MAIL, NO_RECIPIENT } from '../replies.ts';
import { answerMessage } from './answer.ts';
import type { Session } from './session.ts';
import { type Outcome, reply, type Transaction } from './types.ts';

const GO = { code: 354, text: 'send the message, end it with a line that is one dot' };

export function data(session: Session, argument: string): Outcome {
  const { transaction, options } = session;
  if (argument !== '') return reply(501, '5.5.4 DATA has no argument');
  if (transaction === undefined) return { kind: 'reply', reply: NO_MAIL };
  const refused = refusal(transaction);
  if (refused !== undefined) return refused;
  const content = new Content(options, transaction.envelope.body);
  // Held by the transaction, so that it is given back also when the client leaves.
  transaction.content = content;
  return {
    kind: 'receive',
    reply: GO,
    framing: { kind: 'dots' },
    add: (octets) => {
      content.add(octets);
      // Whoever sends bare line ends may also see the end of the message elsewhere: what follows is not to be guessed at.
      return content.refusal !== BARE_LINE_END;
    },
    end: () => answerMessage(session, transaction, content),
  };
}

function refusal(transaction: Transaction): Outcome | undefined {
  if (transaction.recipients.length === 0) return { kind: 'reply', reply: NO_RECIPIENT };
  const isChunked = transaction.content !== undefined || transaction.isBroken;
  const isBinary = transaction.envelope.body === 'BINARYMIME';
  if (!isChunked && !isBinary) return undefined;
  // RFC 3030 section 2: after BDAT the state is indeterminate until RSET; section 3: BINARYMIME comes by BDAT only.
  if (isChunked) transaction.isBroken = true;
  return reply(
    503,
    isBinary ? '5.5.1 BODY=BINARYMIME is sent by BDAT' : '5.5.1 DATA among chunks: send RSET',
  );
}

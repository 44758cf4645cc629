/**
 * RETR and TOP (RFC 1939 sections 5 and 7). A message never changes, so the answer is the same octets at every owner, and
 * the next one goes on where the client has it.
 *
 * RETR sets \Seen, as Dovecot and Cyrus do: who reads mail over POP3 sees in IMAP what is new. TOP does not. Nothing
 * waits for that flag: it is written for many messages at once, at the latest with the end of the session.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import { MessageContent } from '../../message/content.ts';
import type { Message } from '../../store/account/types.ts';
import { err, NO_SUCH_MESSAGE, ok } from '../codec/response.ts';
import { Stuffing } from '../codec/stuffing.ts';
import { NOTHING_CHANGED, type Rule, type Running } from './command.ts';

export const retr: Rule<'RETR'> = {
  counts: 'octets',
  async run(running, { number }) {
    const { session } = running;
    const message = session.message(number);
    const sent = await send(running, message, undefined);
    if (message === undefined || !sent || message.flags.includes('\\Seen')) return NOTHING_CHANGED;
    session.retrieved(message.uid);
    if (!session.seenIsDue) return { seen: message.uid };
    await session.writeSeen();
    return { seenWritten: true };
  },
};

export const top: Rule<'TOP'> = {
  counts: 'octets',
  async run(running, { number, lines }) {
    await send(running, running.session.message(number), lines);
    return NOTHING_CHANGED;
  },
};

/** `lines` of the body, or all of it. False when the answer is an error. */
async function send(
  { session, output, progress }: Running,
  message: Message | undefined,
  lines: number | undefined,
): Promise<boolean> {
  if (message === undefined) {
    // It has gone while another owner was sending it: there is no way to end the answer that the client has begun to read.
    if (progress > 0) throw new Failure('not-found', 'the message has been expunged meanwhile');
    output.line(NO_SUCH_MESSAGE);
    return false;
  }
  const stuffing = new Stuffing(lines);
  const read = (from: number, octets: number): Promise<Buffer> => session.account.read(message, from, octets);
  const content = new MessageContent(message.size, read, session.slices());
  const chunks = lines === undefined ? content.whole() : content.top();
  let chunk: IteratorResult<Buffer>;
  try {
    chunk = await chunks.next();
  } catch (error) {
    if (progress > 0 || failureCode(error) !== 'damaged') throw error;
    output.line(err('the message is damaged on the storage', 'SYS/PERM'));
    return false;
  }
  output.line(lines === undefined ? ok(`${message.size} octets`) : ok('the top of the message follows'));
  for (; !chunk.done && !stuffing.isFull; chunk = await chunks.next()) {
    output.bytes(stuffing.push(chunk.value));
    await output.flushIfLarge(output.position);
  }
  output.bytes(stuffing.end());
  return true;
}

/**
 * What LIST and UIDL have in common (RFC 1939 sections 5 and 7): one message, or all that are not marked as deleted, in a
 * multi-line response that goes out as it is made. `progress` is the number of the last message listed, and one.
 */
import type { Message } from '../../store/account/types.ts';
import { END, NO_SUCH_MESSAGE, ok } from '../codec/response.ts';
import type { StateChange } from '../wire.ts';
import { NOTHING_CHANGED, type Running } from './command.ts';

export type Entry = (number: number, message: Message) => string;

/** Lines put together before they are handed to the output: a Buffer for each would cost more than the line. */
const LINES_AT_ONCE = 1000;

export async function listing(
  running: Running,
  number: number | undefined,
  entry: Entry,
): Promise<StateChange> {
  const { session, output, progress } = running;
  if (number !== undefined) {
    const message = session.message(number);
    output.line(message === undefined ? NO_SUCH_MESSAGE : ok(entry(number, message)));
    return NOTHING_CHANGED;
  }
  if (progress === 0) {
    const { count, octets } = await session.totals();
    output.line(ok(`${count} messages (${octets} octets)`));
  }
  await listAll(running, entry);
  output.line(END);
  return NOTHING_CHANGED;
}

async function listAll({ session, output, progress }: Running, entry: Entry): Promise<void> {
  const slices = session.slices();
  // Message numbers begin at 1, and the head of the answer counts as the first step.
  let next = Math.max(1, progress);
  for (;;) {
    const lines: string[] = [];
    let isRest = false;
    for (const [number, message] of session.drop().from(next)) {
      next = number + 1;
      if (!session.isMarked(number)) lines.push(entry(number, message));
      isRest = lines.length >= LINES_AT_ONCE || slices.due;
      if (isRest) break;
    }
    if (lines.length > 0) output.line(lines.join('\r\n'));
    if (!isRest) return;
    await output.flushIfLarge(next);
    if (slices.due) await slices.rest();
  }
}

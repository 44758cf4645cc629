/** How a command ends. */
import { failureCode } from '../../lib/failure.ts';

/** The tagged response. `code` is a response code with its brackets (RFC 9051 section 7.1, RFC 5530). */
export interface Outcome {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly code?: string;
  readonly text: string;
}

export const OK = (text = 'done', code?: string): Outcome => ({ status: 'OK', text, ...(code && { code }) });
export const NO = (text: string, code?: string): Outcome => ({ status: 'NO', text, ...(code && { code }) });
export const BAD = (text: string): Outcome => ({ status: 'BAD', text });

export const NO_SUCH_MESSAGE = BAD('no message with that sequence number');
export const READ_ONLY = NO('the mailbox is open read-only', '[READ-ONLY]');
export const NO_TARGET = NO('no such mailbox', '[TRYCREATE]'); // RFC 9051 section 6.3.12
export const NO_MAILBOX = NO('no such mailbox', '[NONEXISTENT]');

/** The answer to a Failure that the command itself has no better word for. */
export function outcomeOf(error: unknown): Outcome | undefined {
  switch (failureCode(error)) {
    case 'not-found':
      return NO_MAILBOX;
    case 'exists':
      return NO('a mailbox of that name is there already', '[ALREADYEXISTS]');
    case 'invalid':
      return NO(message(error), '[CANNOT]');
    case 'limit':
      return NO(message(error), '[LIMIT]');
    case 'refused':
      return NO('not allowed', '[NOPERM]');
    case 'no-space':
      return NO('no space left, try again later', '[OVERQUOTA]');
    case 'damaged':
      return NO('the stored message is damaged', '[CORRUPTION]');
    default:
      return undefined;
  }
}

/** Texts of Failures are ours, but may quote a name. */
function message(error: unknown): string {
  return (error as Error).message.replace(/[^\x20-\x7e]/g, '?');
}

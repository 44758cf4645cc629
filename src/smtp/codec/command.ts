/** A command line taken apart: verb and argument (RFC 5321 section 4.1.1, in UTF-8 as of RFC 6531 section 3.3). */
import { isAscii } from 'node:buffer';
import { decodeUtf8 } from '../../lib/utf8.ts';

export interface CommandLine {
  /** Upper case. */
  readonly verb: string;
  /** Without the spaces around it. */
  readonly argument: string;
}

/** Undefined for what is no command of anybody: control characters, octets that are no UTF-8. */
export function parseCommand(line: Buffer): CommandLine | undefined {
  const text = isAscii(line) ? line.toString('latin1') : decodeUtf8(line);
  if (text === undefined || /\p{Cc}/u.test(text)) return undefined;
  const space = text.indexOf(' ');
  if (space < 0) return { verb: text.toUpperCase(), argument: '' };
  // Spaces at the end are to be tolerated (RFC 5321 section 4.1.1).
  return { verb: text.slice(0, space).toUpperCase(), argument: text.slice(space + 1).trim() };
}

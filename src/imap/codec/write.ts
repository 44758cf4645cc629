/**
 * Terminals of responses (RFC 9051 section 9). A response is a list of pieces, text (ASCII, or UTF-8 after ENABLE) and
 * octets, so that a message body is never copied into a string; `join` makes them one buffer for the wire.
 */
import { isUtf8 } from 'node:buffer';
import { encodeMailboxName } from './mailboxName.ts';
import type { Refused } from './types.ts';

export type Piece = string | Buffer;

/** Longer strings go as literals: some clients limit a line (RFC 7162 section 4). */
const QUOTED_OCTETS_MAX = 1000;

/** Text is sent as UTF-8 in quoted strings only after ENABLE UTF8=ACCEPT or IMAP4rev2 (RFC 6855 section 3). */
export interface WriteContext {
  readonly utf8: boolean;
}

export function join(pieces: readonly Piece[]): Buffer {
  const octets: Buffer[] = [];
  let text = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    if (text !== '') octets.push(Buffer.from(text));
    octets.push(piece);
    text = '';
  }
  if (text !== '') octets.push(Buffer.from(text));
  return octets.length === 1 ? octets[0]! : Buffer.concat(octets);
}

/** Appends; `push(...more)` would overflow the stack for the pieces of a large structure. */
export function append<T>(pieces: T[], more: readonly T[]): void {
  for (const piece of more) pieces.push(piece);
}

/** What stands in quotes as it is, and nearly every string of a header does: printable ASCII, nothing to be escaped. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** string = quoted / literal */
export function string(value: Piece, context: WriteContext): readonly Piece[] {
  if (value.length <= QUOTED_OCTETS_MAX) {
    const text = typeof value === 'string' ? value : value.toString('latin1');
    if (PLAIN.test(text)) return [`"${text}"`];
  }
  const octets = typeof value === 'string' ? Buffer.from(value) : value;
  if (octets.length <= QUOTED_OCTETS_MAX && isQuotable(octets, context.utf8))
    return [`"${octets.toString('utf8').replace(/["\\]/g, '\\$&')}"`];
  return literal(octets);
}

/** nstring = string / nil */
export function nstring(value: Piece | undefined, context: WriteContext): readonly Piece[] {
  return value === undefined ? ['NIL'] : string(value, context);
}

export function literal(octets: Buffer): readonly Piece[] {
  return [`{${octets.length}}\r\n`, octets];
}

/** astring: an atom where that is enough, which a few old clients expect of mailbox names. `NIL` is quoted. */
export function astring(value: Piece, context: WriteContext): readonly Piece[] {
  const octets = typeof value === 'string' ? Buffer.from(value) : value;
  const text = octets.toString('latin1');
  // RFC 9051 section 9, ASTRING-CHAR; the class has no overlap, so this is linear.
  if (/^[!#$&'+,\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]+$/.test(text) && text.toUpperCase() !== 'NIL') return [text];
  return string(octets, context);
}

/** mailbox, in modified UTF-7 or UTF-8. */
export function mailbox(name: string, context: WriteContext): readonly Piece[] {
  return astring(encodeMailboxName(name, context.utf8), context);
}

export function flagList(flags: readonly string[]): string {
  return `(${flags.join(' ')})`;
}

/** The answer to what was refused before it was run: tagged where a tag could be read. */
export function refusedLine({ tag, status, code, why }: Refused): string {
  return [tag ?? '*', status, code.trim(), why].filter((word) => word !== '').join(' ');
}

/** `(` elements separated by spaces `)`. */
export function list(elements: readonly (readonly Piece[])[]): readonly Piece[] {
  const pieces: Piece[] = ['('];
  elements.forEach((element, index) => {
    if (index > 0) pieces.push(' ');
    append(pieces, element);
  });
  pieces.push(')');
  return pieces;
}

function isQuotable(octets: Buffer, utf8: boolean): boolean {
  let eightBit = false;
  for (const octet of octets) {
    if (octet === 0 || octet === 0x0d || octet === 0x0a) return false;
    if (octet > 0x7f) eightBit = true;
  }
  return !eightBit || (utf8 && isUtf8(octets));
}

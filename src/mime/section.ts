/**
 * Where the octets of `BODY[section]` lie in a message (RFC 9051 section 6.4.5.1). Ranges only: the caller reads what it
 * needs, so a partial of a large part costs its own size.
 */
import type { Part } from './part.ts';
import { isMultipart } from './part.ts';

/** Octets `from` to `to` of the message. */
export interface OctetRange {
  readonly from: number;
  readonly to: number;
}

export type WhichText = 'HEADER' | 'TEXT' | 'MIME' | undefined;

/** The octets of a section, or undefined when the message has no such part. */
export function locate(root: Part, path: readonly number[], text: WhichText): OctetRange | undefined {
  if (path.length === 0) return text === 'MIME' ? undefined : rangeOfMessage(root, text);
  const part = partAt(root, path);
  if (part === undefined) return undefined;
  if (text === undefined) return { from: part.bodyFrom, to: part.to };
  if (text === 'MIME') return { from: part.headerFrom, to: part.bodyFrom };
  // HEADER and TEXT behind a part number are those of the message in a message/rfc822 part.
  return part.message === undefined ? undefined : rangeOfMessage(part.message, text);
}

/**
 * The part with this number. Parts of a multipart are counted from 1; a message that is no multipart has part 1 only, its
 * own body; numbers behind a message/rfc822 part are those of the message in it.
 */
export function partAt(root: Part, path: readonly number[]): Part | undefined {
  let part: Part | undefined;
  let numbered = partsOfMessage(root);
  for (const number of path) {
    part = numbered[number - 1];
    if (part === undefined) return undefined;
    numbered = partsOfPart(part);
  }
  return part;
}

function rangeOfMessage(message: Part, text: WhichText): OctetRange {
  if (text === 'HEADER') return { from: message.headerFrom, to: message.bodyFrom };
  return { from: text === 'TEXT' ? message.bodyFrom : message.headerFrom, to: message.to };
}

function partsOfMessage(message: Part): readonly Part[] {
  return isMultipart(message) ? message.parts : [message];
}

function partsOfPart(part: Part): readonly Part[] {
  if (isMultipart(part)) return part.parts;
  return part.message === undefined ? [] : partsOfMessage(part.message);
}

/**
 * The PWD protocol's commands (shared facts: communigate.md, section 3.1): a line each, in UTF-8. It ends in LF with or without
 * CR, because real clients send LF alone.
 */
import { decodeUtf8 } from '../lib/utf8.ts';
import type { Line } from '../relay/lines.ts';

export type CommandLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'bad-line'; readonly why: string };

/** A line that was received, as text: UTF-8, without CR or NUL inside, which is no client of this protocol. */
export function commandLine(line: Exclude<Line, { readonly kind: 'more' }>): CommandLine {
  if (line.kind === 'too-long') return { kind: 'bad-line', why: 'line too long' };
  const text = decodeUtf8(line.octets);
  return text === undefined || /[\r\0]/.test(text)
    ? { kind: 'bad-line', why: 'not a line of text' }
    : { kind: 'line', text };
}

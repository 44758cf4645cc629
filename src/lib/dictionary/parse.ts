/**
 * Reads the object text syntax (shared facts: communigate.md, section 2.6) into values and the places they stand at;
 * document.ts edits by these places. Not read, with a clear message: embedded XML and unknown objects `#(…)`.
 *
 * Decisions where sources are silent: a key twice is refused, as one of the two would be lost; `\nnn` gives an octet,
 * so that a run of them above 127 must be UTF-8; numbers are safe integers; a lone surrogate (`\u'd800'`) is refused.
 */
import type { Step } from '../step.ts';
import { decodeUtf8 } from '../utf8.ts';
import { type Entry, type Layout, type Limits, type Node, Reader, SyntaxMistake } from './reader.ts';
import type { Value } from './value.ts';

export type { Entry, Layout, Limits, Node };

/** For files. Commands have their own (src/admin/grammar.ts). */
export const FILE_LIMITS: Limits = { depthMax: 32, octetsMax: 4 * 1024 * 1024 };

/** A mistake in the text, and where. Lines and columns count from 1, columns in characters. */
export interface Mistake {
  readonly kind: 'bad';
  readonly why: string;
  readonly line: number;
  readonly column: number;
}

export interface Parsed {
  readonly kind: 'value';
  readonly value: Value;
  readonly node: Node;
}

/** Reads a text that is one value and nothing else. */
export function parse(
  input: string | Buffer,
  limits: Limits = FILE_LIMITS,
  layout: Layout = 'multi-line',
): Parsed | Mistake {
  const octets = typeof input === 'string' ? Buffer.byteLength(input) : input.length;
  if (octets > limits.octetsMax) return { ...tooLong(octets, limits), line: 1, column: 1 };
  const text = typeof input === 'string' ? input : decode(input);
  if (typeof text !== 'string') return text;
  const reader = new Reader(text, 0, limits, layout);
  try {
    reader.space();
    const node = reader.value(0);
    reader.space();
    if (!reader.atEnd) reader.fail('nothing more expected after the value');
    return { kind: 'value', value: node.value, node };
  } catch (error) {
    if (!(error instanceof SyntaxMistake)) throw error;
    return { kind: 'bad', why: error.message, ...positionOf(text, error.at) };
  }
}

/** Reads one value of a one-line text, such as an argument of a CLI command, from `from` on. Never wants more. */
export function readValue(text: string, from: number, limits: Limits): Step<Value> {
  const reader = new Reader(text, from, limits, 'one-line');
  try {
    const { value } = reader.value(0);
    return { kind: 'value', value, next: reader.at };
  } catch (error) {
    if (!(error instanceof SyntaxMistake)) throw error;
    return { kind: 'bad', why: `${error.message} at column ${positionOf(text, error.at).column}` };
  }
}

/** Where white space and comments end that begin at `from`; undefined when there is a mistake in them. */
export function skipSpace(text: string, from: number): number | undefined {
  const reader = new Reader(text, from, FILE_LIMITS, 'multi-line');
  try {
    reader.space();
    return reader.at;
  } catch (error) {
    if (error instanceof SyntaxMistake) return undefined;
    throw error;
  }
}

/** Line and column of an index, both from 1. */
export function positionOf(text: string, at: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, at);
  const lines = before.split(/\r\n|\r|\n/);
  return { line: lines.length, column: Array.from(lines.at(-1) ?? '').length + 1 };
}

function tooLong(octets: number, limits: Limits): { readonly kind: 'bad'; readonly why: string } {
  return { kind: 'bad', why: `${octets} octets are more than the ${limits.octetsMax} allowed` };
}

function decode(octets: Buffer): string | Mistake {
  const decoded = decodeUtf8(octets);
  if (decoded !== undefined) return decoded;
  // Only to say where: the longest beginning that is UTF-8 ends where the first replacement character is made.
  const text = octets.toString('utf8');
  let at = text.indexOf('\ufffd');
  while (at >= 0 && octets[Buffer.byteLength(text.slice(0, at))] === 0xef)
    at = text.indexOf('\ufffd', at + 1);
  return { kind: 'bad', why: 'not UTF-8', ...positionOf(text, Math.max(at, 0)) };
}

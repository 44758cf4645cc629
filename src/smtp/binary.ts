/**
 * BODY=BINARYMIME content (RFC 3030 section 3) as text. Mail is read by IMAP and POP3, and neither can send NUL or bare line
 * ends (RFC 3501 section 4.3.1, RFC 1939 section 3): so parts that hold such octets and say that they are `binary` are
 * encoded in base64 (RFC 2045 section 6.8) before the message is delivered, and whatever else is in the message stays octet
 * for octet. What cannot be encoded, a NUL in a header for example, refuses the message.
 *
 * It works through the message in slices with turns of others in between, and holds one of them beside what came and the result.
 */
import { headerFields } from '../mime/header.ts';
import { field, type Part } from '../mime/part.ts';
import { MimeScanner } from '../mime/scanner.ts';
import type { Slices } from '../platform/slices.ts';
import { TextLines } from './codec/text-lines.ts';
import type { Message } from './content.ts';
import { NOT_CONVERTED, STORAGE_FULL, TOO_LARGE } from './replies.ts';
import type { Reply } from './types.ts';

/** RFC 2045 section 6.8: lines of 76 characters at most, which are 57 octets. */
const LINE_OCTETS = 57;
const LINE_CHARACTERS = 76;
const CRLF_OCTETS = 2;
const SLICE_LINES = 8192;
const CRLF = Buffer.from('\r\n');
const BASE64 = Buffer.from('Content-Transfer-Encoding: base64\r\n');

export interface BinaryOptions {
  /** Of the result; it is larger than what came. */
  readonly octetsMax: number;
  /** Takes memory for the result; false when there is none. */
  readonly take: (octets: number) => boolean;
  readonly slices: Slices;
}

/** The message with its binary parts encoded, or the reply that refuses it. */
export async function asText(message: Message, options: BinaryOptions): Promise<Message | Reply> {
  const { slices } = options;
  const octets = new Octets(message.parts);
  const scanner = new MimeScanner();
  for (const part of message.parts) {
    scanner.push(part);
    if (slices.due) await slices.rest();
  }
  const parts: Buffer[] = [];
  let written = 0;
  for await (const piece of rewritten(octets, scanner.end(), slices)) {
    if (piece === undefined) return NOT_CONVERTED;
    written += piece.length;
    if (written > options.octetsMax) return TOO_LARGE;
    if (!options.take(piece.length)) return STORAGE_FULL;
    parts.push(piece);
  }
  return { ...message, parts, isText: true };
}

/** The result, in order; undefined when something is left that is no text. */
async function* rewritten(
  octets: Octets,
  root: Part,
  slices: Slices,
): AsyncGenerator<Buffer | undefined, void, undefined> {
  const lines = new TextLines();
  let from = 0;
  async function* upTo(to: number): AsyncGenerator<Buffer | undefined, void, undefined> {
    for (const piece of octets.pieces(from, to)) {
      yield lines.feed(piece) >= 0 || lines.hasNul ? undefined : Buffer.from(piece);
      if (slices.due) await slices.rest();
    }
    from = to;
  }
  for (const leaf of leavesOf(root)) {
    if (!isBinary(leaf) || (await isText(octets, leaf, slices))) continue;
    yield* upTo(leaf.headerFrom);
    const header = encodedHeader(octets.slice(leaf.headerFrom, leaf.bodyFrom));
    yield lines.feed(header) >= 0 || lines.hasNul ? undefined : header;
    yield* base64Lines(octets, leaf, slices);
    // The line end before a delimiter is the delimiter's (RFC 2046 section 5.1.1); at the end of a message the last line has its own.
    if (leaf.to === octets.length) yield CRLF;
    from = leaf.to;
  }
  yield* upTo(octets.length);
  if (lines.endsInCr) yield undefined;
}

function* leavesOf(part: Part): Generator<Part, void, undefined> {
  if (part.message !== undefined) yield* leavesOf(part.message);
  else if (part.parts.length > 0) for (const inner of part.parts) yield* leavesOf(inner);
  else yield part;
}

/** RFC 2045 section 6.4: what is made of others is not encoded itself. */
function isBinary(leaf: Part): boolean {
  const type = field(leaf, 'content-type')?.toString('latin1') ?? '';
  const encoding = field(leaf, 'content-transfer-encoding')?.toString('latin1') ?? '';
  return /^binary$/i.test(encoding.trim()) && !/^(?:message|multipart)\b/i.test(type);
}

async function isText(octets: Octets, leaf: Part, slices: Slices): Promise<boolean> {
  const lines = new TextLines();
  for (const piece of octets.pieces(leaf.bodyFrom, leaf.to)) {
    if (lines.feed(piece) >= 0 || lines.hasNul) return false;
    if (slices.due) await slices.rest();
  }
  return !lines.endsInCr;
}

/** With another encoding, in the place of the first that was given. */
function encodedHeader(header: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let from = 0;
  let isThere = false;
  for (const { name, from: begins, to } of headerFields(header)) {
    if (name !== 'content-transfer-encoding') continue;
    pieces.push(header.subarray(from, begins));
    if (!isThere) pieces.push(BASE64);
    isThere = true;
    from = to;
  }
  return Buffer.concat([...pieces, header.subarray(from)]);
}

/** Without a line end behind the last line. */
async function* base64Lines(
  octets: Octets,
  { bodyFrom, to }: Part,
  slices: Slices,
): AsyncGenerator<Buffer, void, undefined> {
  const slice = LINE_OCTETS * SLICE_LINES;
  for (let from = bodyFrom; from < to; from += slice) {
    const characters = Buffer.from(
      octets.slice(from, Math.min(from + slice, to)).toString('base64'),
      'latin1',
    );
    const lines = Math.ceil(characters.length / LINE_CHARACTERS);
    const isLast = from + slice >= to;
    const text = Buffer.allocUnsafeSlow(characters.length + CRLF_OCTETS * (isLast ? lines - 1 : lines));
    let at = 0;
    for (let line = 0; line < lines; line++) {
      at += characters.copy(text, at, line * LINE_CHARACTERS, (line + 1) * LINE_CHARACTERS);
      if (at < text.length) at += CRLF.copy(text, at);
    }
    yield text;
    if (slices.due) await slices.rest();
  }
}

/** Octets that lie in several buffers. */
class Octets {
  readonly length: number;
  readonly #parts: readonly Buffer[];

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
    this.length = parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Views, in order. */
  *pieces(from: number, to: number): Generator<Buffer, void, undefined> {
    let begins = 0;
    for (const part of this.#parts) {
      const piece = part.subarray(Math.max(0, from - begins), Math.max(0, to - begins));
      if (piece.length > 0) yield piece;
      begins += part.length;
    }
  }

  slice(from: number, to: number): Buffer {
    return Buffer.concat([...this.pieces(from, to)]);
  }
}

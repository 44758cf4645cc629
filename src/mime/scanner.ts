/**
 * Finds the parts of a message (RFC 2045, RFC 2046) while its octets go by: nothing but the headers is kept, time is
 * linear in the size, and there is no recursion. What other servers forgive is forgiven: missing end delimiters, headers
 * without blank line, LF as line end, 8-bit anywhere, boundaries that never come. Limits: see limits.ts.
 *
 * The stack holds the parts that are open, outermost first. A delimiter of an outer multipart ends all inside it.
 */
import { headerFields, unfold } from './header.ts';
import {
  DELIMITER_OCTETS_MAX,
  DEPTH_MAX,
  HEADER_OCTETS_MAX,
  HEADERS_OCTETS_MAX,
  PARTS_MAX,
} from './limits.ts';
import type { ContentType, Disposition } from './parameters.ts';
import { parameter, parseContentType, parseDisposition } from './parameters.ts';
import type { Part } from './part.ts';

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

const TEXT_PLAIN: ContentType = { type: 'text', subtype: 'plain', parameters: [['charset', 'us-ascii']] };
const OCTET_STREAM: ContentType = { type: 'application', subtype: 'octet-stream', parameters: [] };
const MESSAGE: ContentType = { type: 'message', subtype: 'rfc822', parameters: [] };

/** Kept of every header, for ENVELOPE and BODYSTRUCTURE. */
const KEPT_FIELDS: ReadonlySet<string> = new Set([
  'date',
  'subject',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'in-reply-to',
  'message-id',
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'content-description',
  'content-disposition',
  'content-language',
  'content-location',
  'content-md5',
]);

/** A part whose end has not been seen. */
interface OpenPart {
  headerFrom: number;
  bodyFrom: number;
  to: number;
  hasBlankLine: boolean;
  lines: number;
  content: ContentType;
  fields: Map<string, Buffer[]>;
  disposition: Disposition | undefined;
  readonly parts: OpenPart[];
  message: OpenPart | undefined;
}

interface Frame {
  readonly part: OpenPart;
  /** RFC 2046 section 5.1.5: parts of a digest are messages unless they say otherwise. */
  readonly isInDigest: boolean;
  /** Set while delimiters of this multipart are looked for. */
  boundary: string | undefined;
  /** Line ends seen before the body. */
  lineEndsBefore: number;
}

export class MimeScanner {
  readonly #root: OpenPart;
  readonly #stack: Frame[] = [];
  /** Boundaries looked for, with the places in the stack that have them, innermost last. */
  readonly #boundaries = new Map<string, number[]>();
  #inHeader = true;
  #header: Buffer[] = [];
  #headerOctets = 0;
  #headersOctets = 0;
  #partsCount = 1;

  /** Octets given so far, before the present line. */
  #lineFrom = 0;
  /** Kept pieces of a line that began in an earlier chunk. */
  #pieces: Buffer[] = [];
  #piecesOctets = 0;
  #lineOctets = 0;
  #endsWithCr = false;
  #lineEnds = 0;
  /** Octets of the line end before the present line; 0 at the beginning. */
  #lineEndOctets = 0;

  constructor() {
    this.#root = newPart(0);
    this.#stack.push({ part: this.#root, isInDigest: false, boundary: undefined, lineEndsBefore: 0 });
  }

  /** The next octets of the message; not kept after the call. */
  push(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const lf = chunk.indexOf(LF, from);
      const to = lf < 0 ? chunk.length : lf + 1;
      const piece = chunk.subarray(from, to);
      this.#lineOctets += piece.length;
      if (lf < 0) {
        this.#keep(piece);
        this.#endsWithCr = piece[piece.length - 1] === CR;
      } else {
        const cr = piece.length > 1 ? piece[piece.length - 2] === CR : this.#endsWithCr;
        this.#line(this.#whole(piece), cr ? 2 : 1);
      }
      from = to;
    }
  }

  /** No more octets: the structure. */
  end(): Part {
    if (this.#lineOctets > 0) this.#line(this.#whole(Buffer.alloc(0)), 0);
    this.#closeDownTo(0, this.#lineFrom, this.#lineEnds);
    return this.#root;
  }

  /** What is needed of a line's beginning: in a header all within the limit, in a body what a delimiter can be. */
  #keep(piece: Buffer): void {
    const room = (this.#inHeader ? HEADER_OCTETS_MAX : DELIMITER_OCTETS_MAX) - this.#piecesOctets;
    if (room <= 0) return;
    const kept = Buffer.from(piece.subarray(0, room));
    this.#pieces.push(kept);
    this.#piecesOctets += kept.length;
  }

  #whole(last: Buffer): Buffer {
    if (this.#pieces.length === 0) return last;
    this.#keep(last);
    const line = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#piecesOctets = 0;
    return line;
  }

  /** One line: its octets (long ones cut) with the line end. */
  #line(line: Buffer, lineEndOctets: number): void {
    const next = this.#lineFrom + this.#lineOctets;
    const isDelimiter =
      this.#boundaries.size > 0 && line[0] === DASH && line[1] === DASH && this.#delimiter(line, next);
    if (lineEndOctets > 0) this.#lineEnds++;
    if (!isDelimiter && this.#inHeader) this.#headerLine(line, lineEndOctets, next);
    this.#lineFrom = next;
    this.#lineOctets = 0;
    this.#endsWithCr = false;
    this.#lineEndOctets = lineEndOctets;
  }

  get #top(): Frame {
    return this.#stack[this.#stack.length - 1]!;
  }

  #headerLine(line: Buffer, lineEndOctets: number, next: number): void {
    if (line.length === lineEndOctets && lineEndOctets > 0) {
      this.#top.part.hasBlankLine = true;
      this.#endOfHeader(next);
      return;
    }
    // Counted even when not kept: once a line is left out no later one may look like the rest of an earlier field.
    this.#headerOctets += this.#lineOctets;
    if (this.#headerOctets > HEADER_OCTETS_MAX) return;
    this.#headersOctets += this.#lineOctets;
    if (this.#headersOctets > HEADERS_OCTETS_MAX) return;
    this.#header.push(Buffer.from(line));
  }

  /** Knows the type of the innermost part now, and what to look for in its body. */
  #endOfHeader(bodyFrom: number): void {
    const frame = this.#top;
    const { part } = frame;
    part.bodyFrom = bodyFrom;
    frame.lineEndsBefore = this.#lineEnds;
    part.fields = keptFields(Buffer.concat(this.#header));
    this.#header = [];
    this.#headerOctets = 0;
    this.#inHeader = false;
    const type = part.fields.get('content-type')?.[0]?.toString('latin1');
    const stated = type === undefined ? undefined : parseContentType(type);
    const disposition = part.fields.get('content-disposition')?.[0]?.toString('latin1');
    part.disposition = disposition === undefined ? undefined : parseDisposition(disposition);
    part.content = stated ?? (type === undefined && frame.isInDigest ? MESSAGE : TEXT_PLAIN);
    const name = part.content.type.toLowerCase();
    if (name === 'multipart') this.#beginMultipart(frame);
    else if (name === 'message' && /^(?:rfc822|global)$/i.test(part.content.subtype))
      this.#beginMessage(frame);
  }

  #beginMultipart(frame: Frame): void {
    const boundary = parameter(frame.part.content.parameters, 'boundary')?.trimEnd();
    if (boundary === undefined || boundary === '') frame.part.content = TEXT_PLAIN;
    else if (this.#stack.length >= DEPTH_MAX) frame.part.content = OCTET_STREAM;
    else {
      frame.boundary = boundary;
      const places = this.#boundaries.get(boundary) ?? [];
      places.push(this.#stack.length - 1);
      this.#boundaries.set(boundary, places);
    }
  }

  #beginMessage(frame: Frame): void {
    const encoding = frame.part.fields
      .get('content-transfer-encoding')?.[0]
      ?.toString('latin1')
      .toLowerCase();
    // RFC 6532 section 3.5 and RFC 2046 section 5.2.1: an encoded message cannot be looked into by offsets.
    const isEncoded = encoding === 'base64' || encoding === 'quoted-printable';
    if (isEncoded || this.#stack.length >= DEPTH_MAX || this.#partsCount >= PARTS_MAX)
      frame.part.content = OCTET_STREAM;
    else {
      frame.part.message = this.#begin(frame.part.bodyFrom, false);
    }
  }

  #begin(headerFrom: number, isInDigest: boolean): OpenPart {
    const part = newPart(headerFrom);
    this.#stack.push({ part, isInDigest, boundary: undefined, lineEndsBefore: this.#lineEnds });
    this.#partsCount++;
    this.#inHeader = true;
    return part;
  }

  /** RFC 2046 section 5.1.1: `--boundary`, or `--boundary--`, white space at the end allowed. True when it was one. */
  #delimiter(line: Buffer, next: number): boolean {
    if (this.#lineOctets > DELIMITER_OCTETS_MAX) return false;
    const text = line.toString('latin1', 2).trimEnd();
    const place = this.#boundaries.get(text)?.at(-1);
    if (place !== undefined) {
      // Beyond the limit a delimiter is text of the last part, so that all octets stay in some part.
      if (this.#partsCount >= PARTS_MAX) return false;
      this.#endBefore(place);
      const { part } = this.#top;
      part.parts.push(this.#begin(next, part.content.subtype.toLowerCase() === 'digest'));
      return true;
    }
    const ended = text.endsWith('--') ? this.#boundaries.get(text.slice(0, -2))?.at(-1) : undefined;
    if (ended === undefined) return false;
    this.#endBefore(ended);
    this.#forget(this.#top, ended);
    return true;
  }

  /** Ends all parts inside the multipart at a place of the stack; the present line is its delimiter. */
  #endBefore(place: number): void {
    const to = this.#lineFrom - this.#lineEndOctets;
    this.#closeDownTo(place + 1, to, this.#lineEnds - (this.#lineEndOctets > 0 ? 1 : 0));
  }

  /**
   * Ends the parts above the first `count` of the stack. The lowest of them keeps its header whole; what is inside it must
   * end with it, so a blank line there may turn out to be the line end that belongs to the delimiter.
   */
  #closeDownTo(count: number, to: number, lineEnds: number): void {
    // No blank line: all of it was header.
    if (this.#inHeader) this.#endOfHeaderWithoutBody();
    const limit = Math.max(to, this.#stack[count]?.part.bodyFrom ?? 0);
    while (this.#stack.length > count) {
      const frame = this.#stack.pop()!;
      const { part } = frame;
      if (part.bodyFrom > limit) part.hasBlankLine = false;
      part.headerFrom = Math.min(part.headerFrom, limit);
      part.bodyFrom = Math.min(part.bodyFrom, limit);
      part.to = limit;
      part.lines = Math.max(0, lineEnds - frame.lineEndsBefore);
      this.#forget(frame, this.#stack.length);
    }
    this.#inHeader = false;
  }

  /** A header cut off by a delimiter or the end; a message type among its fields opens no part that could have octets. */
  #endOfHeaderWithoutBody(): void {
    const depth = this.#stack.length;
    this.#endOfHeader(this.#lineFrom);
    while (this.#stack.length > depth) {
      const { part } = this.#stack.pop()!;
      part.bodyFrom = this.#lineFrom;
      part.to = this.#lineFrom;
    }
    this.#inHeader = false;
  }

  #forget(frame: Frame, place: number): void {
    if (frame.boundary === undefined) return;
    const places = this.#boundaries.get(frame.boundary)?.filter((other) => other !== place) ?? [];
    if (places.length === 0) this.#boundaries.delete(frame.boundary);
    else this.#boundaries.set(frame.boundary, places);
    frame.boundary = undefined;
  }
}

/** The structure of a message that is in memory. */
export function scanMessage(octets: Buffer): Part {
  const scanner = new MimeScanner();
  scanner.push(octets);
  return scanner.end();
}

function newPart(headerFrom: number): OpenPart {
  return {
    headerFrom,
    bodyFrom: headerFrom,
    to: headerFrom,
    hasBlankLine: false,
    lines: 0,
    content: TEXT_PLAIN,
    fields: new Map(),
    disposition: undefined,
    parts: [],
    message: undefined,
  };
}

/** Of a header up to its blank line: the fields that ENVELOPE and BODYSTRUCTURE need, as views of it. */
export function keptFields(header: Buffer): Map<string, Buffer[]> {
  const kept = new Map<string, Buffer[]>();
  for (const { name, valueFrom, to } of headerFields(header)) {
    if (!KEPT_FIELDS.has(name)) continue;
    const values = kept.get(name);
    const value = unfold(header.subarray(valueFrom, to));
    if (values === undefined) kept.set(name, [value]);
    else values.push(value);
  }
  return kept;
}

/**
 * A stored message's octets and structure while one command, of whatever protocol, looks at it: each is read at most once
 * and only as far as it is needed: the header for an envelope, everything for the structure, a range for a part. Small
 * messages are read in one go and kept; large ones pass by in chunks.
 */
import { HEADER_OCTETS_MAX } from '../mime/limits.ts';
import type { Part } from '../mime/part.ts';
import { keptFields, MimeScanner, scanMessage } from '../mime/scanner.ts';
import type { Slices } from '../platform/slices.ts';

/** Octets of the message from an offset; fewer only at its end. */
export type ReadOctets = (from: number, octets: number) => Promise<Buffer>;

/** Messages up to this size are read whole at the first look behind the header. */
const WHOLE_OCTETS_MAX = 1024 * 1024;
/** First look for a header; most are smaller. */
const HEADER_OCTETS = 16 * 1024;
/** What is read and scanned at a time: about a millisecond of work. */
const CHUNK_OCTETS = 128 * 1024;

export class MessageContent {
  readonly size: number;
  readonly #read: ReadOctets;
  readonly #slices: Slices;
  /** Octets from the beginning that are at hand. */
  #head: Buffer = Buffer.alloc(0);
  #header: Part | undefined;
  #structure: Part | undefined;

  constructor(size: number, read: ReadOctets, slices: Slices) {
    this.size = size;
    this.#read = read;
    this.#slices = slices;
  }

  /** Octets `from` to `to`, cut at the end of the message. */
  async octets(from: number, to: number): Promise<Buffer> {
    const end = Math.min(to, this.size);
    if (from >= end) return Buffer.alloc(0);
    if (end <= this.#head.length) return this.#head.subarray(from, end);
    return await this.#read(from, end - from);
  }

  /** The same in chunks, with rests between them. */
  async *chunks(from: number, to: number): AsyncGenerator<Buffer> {
    for (let at = from; at < to; at += CHUNK_OCTETS) {
      if (this.#slices.due) await this.#slices.rest();
      const chunk = await this.octets(at, Math.min(to, at + CHUNK_OCTETS));
      if (chunk.length === 0) return;
      yield chunk;
    }
  }

  /** All of it in chunks. What is small is read in one go, because then the store compares its checksum. */
  async *whole(): AsyncGenerator<Buffer> {
    await this.#readWhole();
    yield* this.chunks(0, this.size);
  }

  /** All of it in chunks, for who stops soon behind the header, most probably: the first chunk is small. */
  async *top(): AsyncGenerator<Buffer> {
    const first = Math.min(HEADER_OCTETS, this.size);
    yield* this.chunks(0, first);
    yield* this.chunks(first, this.size);
  }

  /** The message as a part of which only the header is known: its fields, `headerFrom`, `bodyFrom`. */
  async header(): Promise<Part> {
    this.#header ??= this.#structure ?? (await this.#scanHeader());
    return this.#header;
  }

  async structure(): Promise<Part> {
    this.#structure ??= await this.#scan();
    return this.#structure;
  }

  /** Of `header()` the fields alone, for less work: what a list of messages shows is made of them. */
  async fields(): Promise<Pick<Part, 'fields'>> {
    if (this.#header !== undefined || this.#structure !== undefined) return await this.header();
    const octets = await this.#headerOctets();
    if (octets === undefined || octets.length > HEADER_OCTETS_MAX) return await this.header();
    return { fields: keptFields(octets) };
  }

  async #scanHeader(): Promise<Part> {
    const octets = await this.#headerOctets();
    // A header larger than any message should be: looked for in chunks with all the rest.
    return octets === undefined ? await this.structure() : scanMessage(octets);
  }

  /** Up to and with the blank line; undefined when that is not among the first octets of a large message. */
  async #headerOctets(): Promise<Buffer | undefined> {
    for (let octets = HEADER_OCTETS; octets <= WHOLE_OCTETS_MAX; octets *= 4) {
      if (this.#head.length < Math.min(octets, this.size)) this.#head = await this.octets(0, octets);
      const to = headerEnd(this.#head);
      if (to !== undefined) return this.#head.subarray(0, to);
      if (octets >= this.size) return this.#head;
      if (this.#slices.due) await this.#slices.rest();
    }
    return undefined;
  }

  async #scan(): Promise<Part> {
    await this.#readWhole();
    const scanner = new MimeScanner();
    for await (const chunk of this.chunks(0, this.size)) scanner.push(chunk);
    return scanner.end();
  }

  /** Unless it is too large to be held. */
  async #readWhole(): Promise<void> {
    if (this.size <= WHOLE_OCTETS_MAX && this.#head.length < this.size)
      this.#head = await this.octets(0, this.size);
  }
}

const LF = 0x0a;
const CR = 0x0d;
/** A line end, and a blank line behind it. */
const BLANK = Buffer.from('\n\r\n');
const BARE_BLANK = Buffer.from('\n\n');

/** Behind the blank line that ends a header, or undefined when it is not among these octets. */
function headerEnd(octets: Buffer): number | undefined {
  if (octets[0] === LF) return 1;
  if (octets[0] === CR && octets[1] === LF) return 2;
  const blank = octets.indexOf(BLANK);
  // One that comes earlier; the line end may be the same.
  const bare = (blank < 0 ? octets : octets.subarray(0, blank + 1)).indexOf(BARE_BLANK);
  if (bare >= 0) return bare + BARE_BLANK.length;
  return blank < 0 ? undefined : blank + BLANK.length;
}

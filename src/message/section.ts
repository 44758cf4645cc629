/**
 * The octets that a section of a stored message stands for, as IMAP names sections (RFC 9051 section 6.4.5.1): the whole,
 * its header, some fields, its text, a part by its numbers. What a section needs decides what is read: nothing but the
 * range for all of a message, the header for header and text, the structure for parts.
 */
import { HeaderSubset } from '../mime/header-subset.ts';
import type { Part } from '../mime/part.ts';
import type { OctetRange, WhichText } from '../mime/section.ts';
import { locate, partAt } from '../mime/section.ts';
import type { MessageContent } from './content.ts';

export const SECTION_TEXTS = ['HEADER', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT', 'TEXT', 'MIME'] as const;
export type SectionText = (typeof SECTION_TEXTS)[number];

/** A part of a message; all of it has neither part nor text. */
export interface Section {
  /** `[4, 1]` of `4.1.MIME`; empty for the message itself. */
  readonly part: readonly number[];
  readonly text: SectionText | undefined;
  /** Names of HEADER.FIELDS and HEADER.FIELDS.NOT as given; empty otherwise. */
  readonly fields: readonly string[];
}

/** `octets` is at least 1. */
export interface PartialRange {
  readonly offset: number;
  readonly octets: number;
}

/** Octets of the message that are read when their turn comes: so an answer of any size is never held as a whole. */
export interface LaterOctets {
  readonly from: number;
  readonly to: number;
}

/** Sections up to this size are read at once. */
const AT_ONCE_OCTETS_MAX = 128 * 1024;

/** The octets of a section, those of a large one for later; undefined when there is no such part. */
export async function sectionOctets(
  section: Section,
  partial: PartialRange | undefined,
  content: MessageContent,
): Promise<Buffer | LaterOctets | undefined> {
  const { part: path, text, fields } = section;
  if (text === 'HEADER.FIELDS' || text === 'HEADER.FIELDS.NOT') {
    const message = await messageAt(path, content);
    if (message === undefined) return undefined;
    const subset = await headerSubset(message, fields, text === 'HEADER.FIELDS.NOT', content);
    return partial === undefined ? subset : subset.subarray(partial.offset, partial.offset + partial.octets);
  }
  const range = await rangeOf(path, text, content);
  if (range === undefined) return undefined;
  const from = range.from + (partial?.offset ?? 0);
  const to = partial === undefined ? range.to : Math.min(range.to, from + partial.octets);
  return to - from > AT_ONCE_OCTETS_MAX ? { from, to } : await content.octets(from, to);
}

async function headerSubset(
  message: Part,
  fields: readonly string[],
  not: boolean,
  content: MessageContent,
): Promise<Buffer> {
  const subset = new HeaderSubset(fields, not);
  const kept: Buffer[] = [];
  for await (const chunk of content.chunks(message.headerFrom, message.bodyFrom)) {
    const lines = subset.push(chunk);
    if (lines.length > 0) kept.push(Buffer.concat(lines));
  }
  kept.push(...subset.end());
  // RFC 9051 section 6.4.5.1: the blank line is part of every subset, unless the message has none.
  if (message.hasBlankLine) kept.push(Buffer.from('\r\n'));
  return Buffer.concat(kept);
}

async function rangeOf(
  path: readonly number[],
  text: WhichText,
  content: MessageContent,
): Promise<OctetRange | undefined> {
  if (path.length > 0) return locate(await content.structure(), path, text);
  // Without part numbers the end of the header is all that must be known.
  if (text === undefined) return { from: 0, to: content.size };
  const { bodyFrom } = await content.header();
  return text === 'HEADER' ? { from: 0, to: bodyFrom } : { from: bodyFrom, to: content.size };
}

/** The message whose header a section means: the message itself, or the one in a message/rfc822 part. */
async function messageAt(path: readonly number[], content: MessageContent): Promise<Part | undefined> {
  if (path.length === 0) return await content.header();
  return partAt(await content.structure(), path)?.message;
}

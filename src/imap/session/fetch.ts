/**
 * One message's FETCH response (RFC 9051 section 7.5.2). What an item needs decides what is read: nothing for flags, ids,
 * dates and sizes, the header for ENVELOPE and header sections, all for structures. The \Seen that BODY[] implies is the
 * command's to set, before it asks here, so that FLAGS in the same response are right (RFC 9051 section 6.4.5).
 */
import { envelopeOf } from '../../mime/envelope.ts';
import { HeaderSubset } from '../../mime/headerSubset.ts';
import type { Part } from '../../mime/part.ts';
import type { OctetRange } from '../../mime/section.ts';
import { locate, partAt } from '../../mime/section.ts';
import type { Message } from '../../store/account/types.ts';
import { bodyStructure } from '../codec/bodystructure.ts';
import { formatDateTime } from '../codec/dates.ts';
import { envelope } from '../codec/envelope.ts';
import type { BodySectionItem, FetchItem, PartialRange, Section, SimpleFetchItem } from '../codec/types.ts';
import type { Piece, WriteContext } from '../codec/write.ts';
import { astring, flagList, list, literal } from '../codec/write.ts';
import type { MessageContent } from './content.ts';

/** What a response says of a message apart from its content: a copy, as rows are valid until the next await only. */
export type MessageFacts = Pick<Message, 'uid' | 'modseq' | 'flags' | 'internalDateMs' | 'size' | 'emailId'>;

export function factsOf({ uid, modseq, flags, internalDateMs, size, emailId }: Message): MessageFacts {
  return { uid, modseq, flags, internalDateMs, size, emailId };
}

/** True when fetching this item sets \Seen (RFC 9051 section 6.4.5; RFC822 and RFC822.TEXT: RFC 3501 section 6.4.5). */
export function setsSeen(item: FetchItem): boolean {
  if (item.kind === 'BODY[]') return !item.peek;
  return item.kind === 'RFC822' || item.kind === 'RFC822.TEXT';
}

/** `* <seq> FETCH (…)` CRLF as pieces; large bodies are pieces of their own. */
export async function fetchResponse(
  seq: number,
  facts: MessageFacts,
  content: MessageContent,
  items: readonly FetchItem[],
  context: WriteContext,
): Promise<readonly Piece[]> {
  const written: (readonly Piece[])[] = [];
  for (const item of items) written.push(await writeItem(item, facts, content, context));
  return [`* ${seq} FETCH `, ...list(written), '\r\n'];
}

/** Items that the mailbox's own data answers. */
const FACT_ITEMS: Partial<Record<FetchItem['kind'], (facts: MessageFacts) => string>> = {
  UID: (facts) => `UID ${facts.uid}`,
  FLAGS: (facts) => `FLAGS ${flagList(facts.flags)}`,
  INTERNALDATE: (facts) => `INTERNALDATE ${formatDateTime(facts.internalDateMs)}`,
  'RFC822.SIZE': (facts) => `RFC822.SIZE ${facts.size}`,
  MODSEQ: (facts) => `MODSEQ (${facts.modseq})`,
  EMAILID: (facts) => `EMAILID (${facts.emailId})`,
  // RFC 8474 section 5.2: NIL where the server knows no threads.
  THREADID: () => 'THREADID NIL',
};

/** RFC 3501's names for sections. */
const OLD_NAMES: Partial<Record<SimpleFetchItem, Section>> = {
  RFC822: { part: [], text: undefined, fields: [] },
  'RFC822.HEADER': { part: [], text: 'HEADER', fields: [] },
  'RFC822.TEXT': { part: [], text: 'TEXT', fields: [] },
};

async function writeItem(
  item: FetchItem,
  facts: MessageFacts,
  content: MessageContent,
  context: WriteContext,
): Promise<readonly Piece[]> {
  const fact = FACT_ITEMS[item.kind];
  if (fact !== undefined) return [fact(facts)];
  switch (item.kind) {
    case 'ENVELOPE':
      return ['ENVELOPE ', ...envelope(envelopeOf(await content.header()), context)];
    case 'BODY':
    case 'BODYSTRUCTURE': {
      const extended = item.kind === 'BODYSTRUCTURE';
      return [`${item.kind} `, ...bodyStructure(await content.structure(), extended, context)];
    }
    case 'BODY[]':
      return [
        ...sectionName(item, context),
        ' ',
        ...octetsOrNil(await sectionOctets(item.section, item.partial, content)),
      ];
    default: {
      const section = OLD_NAMES[item.kind];
      if (section === undefined) throw new Error(`no writer for ${item.kind}`);
      return [`${item.kind} `, ...octetsOrNil(await sectionOctets(section, undefined, content))];
    }
  }
}

/** `BODY[1.HEADER.FIELDS (From)]<0>`: PEEK and the length of a partial are not repeated (RFC 9051 section 7.5.2). */
function sectionName(item: BodySectionItem, context: WriteContext): readonly Piece[] {
  const { part, text, fields } = item.section;
  const spec = [...part.map(String), ...(text === undefined ? [] : [text])].join('.');
  const names = fields.length === 0 ? [] : [' ', ...list(fields.map((name) => astring(name, context)))];
  const offset = item.partial === undefined ? '' : `<${item.partial.offset}>`;
  return [`BODY[${spec}`, ...names, `]${offset}`];
}

function octetsOrNil(octets: Buffer | undefined): readonly Piece[] {
  if (octets === undefined) return ['NIL'];
  return octets.length === 0 ? ['""'] : literal(octets);
}

/** The octets of a section, or undefined when there is no such part. */
async function sectionOctets(
  section: Section,
  partial: PartialRange | undefined,
  content: MessageContent,
): Promise<Buffer | undefined> {
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
  return await content.octets(from, to);
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
  text: 'HEADER' | 'TEXT' | 'MIME' | undefined,
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

/** BODY[…] and BODY.PEEK[…] (RFC 9051 section 6.4.5.1), and RFC 3501's older names for three sections. */
import {
  type LaterOctets,
  type PartialRange,
  SECTION_TEXTS,
  type Section,
  type SectionText,
  sectionOctets,
} from '../../message/section.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { astring, list, literal, type Piece, type WriteContext } from '../codec/write.ts';
import type { FetchItemSpec, FetchPiece } from './item.ts';

export interface BodySectionItem {
  readonly kind: 'BODY[]';
  readonly section: Section;
  readonly partial: PartialRange | undefined;
  /** BODY.PEEK: does not set \Seen. */
  readonly peek: boolean;
}

/** Numbers in a section's part: as deep as the MIME scanner goes. */
const PART_DEPTH_MAX = 100;
/** Fields of one HEADER.FIELDS. */
const FIELDS_MAX = 256;

export const bodySection: FetchItemSpec<BodySectionItem> = {
  kind: 'BODY[]',
  words: ['BODY[', 'BODY.PEEK['],
  parse: (reader, word) => ({
    kind: 'BODY[]',
    section: section(reader),
    partial: partial(reader),
    peek: word === 'BODY.PEEK[',
  }),
  setsSeen: ({ peek }) => !peek,
  write: async (item, { content, context }) => [
    ...sectionName(item, context),
    ' ',
    ...octetsOrNil(await sectionOctets(item.section, item.partial, content)),
  ],
};

export const rfc822 = older('RFC822', undefined, true);
export const rfc822Header = older('RFC822.HEADER', 'HEADER', false);
export const rfc822Text = older('RFC822.TEXT', 'TEXT', true);

/** RFC 3501 section 6.4.5: BODY[], BODY.PEEK[HEADER] and BODY[TEXT], under other names. */
function older<const K extends string>(
  kind: K,
  text: SectionText | undefined,
  seen: boolean,
): FetchItemSpec<{ readonly kind: K }> {
  const whole: Section = { part: [], text, fields: [] };
  return {
    kind,
    setsSeen: () => seen,
    write: async (_, { content }) => [
      `${kind} `,
      ...octetsOrNil(await sectionOctets(whole, undefined, content)),
    ],
  };
}

/** section = "[" [section-spec] "]" */
function section(reader: Reader): Section {
  reader.expect('[');
  const part: number[] = [];
  let text: SectionText | undefined;
  let fields: readonly string[] = [];
  if (!reader.isAt(']')) {
    while (text === undefined && !reader.isAt(']')) {
      if (reader.isAtSequenceSet()) part.push(reader.nzNumber());
      else text = sectionText(reader, part.length > 0);
      if (part.length > PART_DEPTH_MAX) throw new SyntaxProblem('section too deep');
      if (text === undefined && !reader.isAt(']')) {
        reader.expect('.');
        if (reader.isAt(']')) throw new SyntaxProblem('expected a section part');
      }
    }
    if (text === 'HEADER.FIELDS' || text === 'HEADER.FIELDS.NOT') fields = headerList(reader);
  }
  reader.expect(']');
  return { part, text, fields };
}

/** section-msgtext, or "MIME" behind a part number */
function sectionText(reader: Reader, inPart: boolean): SectionText {
  const word = reader.until(' ]').toUpperCase();
  const text = SECTION_TEXTS.find((known) => known === word);
  if (text === undefined || (text === 'MIME' && !inPart)) throw new SyntaxProblem('unknown section');
  return text;
}

/** header-list = "(" header-fld-name *(SP header-fld-name) ")" */
function headerList(reader: Reader): readonly string[] {
  reader.space();
  const fields: string[] = [];
  reader.list(() => fields.push(reader.text(reader.astring())));
  if (fields.length === 0) throw new SyntaxProblem('expected a header field name');
  if (fields.length > FIELDS_MAX) throw new SyntaxProblem('too many header fields', 'NO', '[LIMIT] ');
  return fields;
}

/** partial = "<" number64 "." nz-number64 ">" */
function partial(reader: Reader): PartialRange | undefined {
  if (!reader.accept('<')) return undefined;
  const offset = reader.number64();
  reader.expect('.');
  const octets = reader.number64();
  if (octets === 0) throw new SyntaxProblem('0 is not allowed here');
  reader.expect('>');
  return { offset, octets };
}

/** `BODY[1.HEADER.FIELDS (From)]<0>`: PEEK and the length of a partial are not repeated (RFC 9051 section 7.5.2). */
function sectionName(item: BodySectionItem, context: WriteContext): readonly Piece[] {
  const { part, text, fields } = item.section;
  const spec = [...part.map(String), ...(text === undefined ? [] : [text])].join('.');
  const names = fields.length === 0 ? [] : [' ', ...list(fields.map((name) => astring(name, context)))];
  const offset = item.partial === undefined ? '' : `<${item.partial.offset}>`;
  return [`BODY[${spec}`, ...names, `]${offset}`];
}

function octetsOrNil(octets: Buffer | LaterOctets | undefined): readonly FetchPiece[] {
  if (octets === undefined) return ['NIL'];
  if (!Buffer.isBuffer(octets)) return [`{${octets.to - octets.from}}\r\n`, octets];
  return octets.length === 0 ? ['""'] : literal(octets);
}

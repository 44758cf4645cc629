/** FETCH (RFC 9051 section 6.4.5) with CHANGEDSINCE (RFC 7162 section 3.1.4.1). */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, FetchItem, PartialRange, Section, SectionText, SimpleFetchItem } from '../types.ts';
import { SECTION_TEXTS, SIMPLE_FETCH_ITEMS } from '../types.ts';

/** Items of one FETCH. */
const ITEMS_MAX = 256;
/** Numbers in a section's part: as deep as the MIME scanner goes. */
const PART_DEPTH_MAX = 100;
/** Fields of one HEADER.FIELDS. */
const FIELDS_MAX = 256;

/** RFC 9051 section 6.4.5: macros stand alone. */
const MACROS: ReadonlyMap<string, readonly SimpleFetchItem[]> = new Map([
  ['ALL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE']],
  ['FAST', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']],
  ['FULL', ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY']],
]);

/** fetch = "FETCH" SP sequence-set SP (macro / fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers] */
export function parseFetch(reader: Reader, uid: boolean): Command {
  reader.space();
  const set = reader.sequenceSet();
  reader.space();
  const items = fetchItems(reader);
  let changedSince: number | undefined;
  if (reader.acceptSpaceBeforeMore())
    reader.list(() => {
      if (reader.keyword('expected a modifier') !== 'CHANGEDSINCE')
        throw new SyntaxProblem('unknown modifier');
      reader.space();
      changedSince = reader.number64();
      // RFC 7162 section 7: mod-sequence-value is at least 1 here.
      if (changedSince === 0) throw new SyntaxProblem('0 is not allowed here');
    });
  return { name: 'FETCH', uid, set, items, changedSince };
}

function fetchItems(reader: Reader): readonly FetchItem[] {
  if (!reader.isAt('(')) {
    for (const [macro, kinds] of MACROS)
      if (reader.acceptKeyword(macro)) return kinds.map((kind) => ({ kind }));
    return [fetchItem(reader)];
  }
  const items: FetchItem[] = [];
  reader.list(() => items.push(fetchItem(reader)));
  if (items.length === 0) throw new SyntaxProblem('expected a data item');
  if (items.length > ITEMS_MAX) throw new SyntaxProblem('too many data items', 'NO', '[LIMIT] ');
  return withoutDuplicates(items);
}

/** fetch-att */
function fetchItem(reader: Reader): FetchItem {
  const word = reader.until(' ()[<').toUpperCase();
  if ((word === 'BODY' || word === 'BODY.PEEK') && reader.isAt('['))
    return { kind: 'BODY[]', section: section(reader), partial: partial(reader), peek: word === 'BODY.PEEK' };
  const kind = SIMPLE_FETCH_ITEMS.find((known) => known === word);
  if (kind === undefined) throw new SyntaxProblem('unknown data item');
  return { kind };
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

function withoutDuplicates(items: readonly FetchItem[]): readonly FetchItem[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = JSON.stringify(item);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

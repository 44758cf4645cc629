/**
 * Every item of FETCH (RFC 9051 section 6.4.5, RFC 3501 section 6.4.5). From these rows come the grammar, the response,
 * which items set \Seen or enable CONDSTORE, and the capability line; an extension adds a row.
 */
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { emailid, flags, internaldate, modseq, size, threadid, uid } from './facts.ts';
import type { FetchItemSpec } from './item.ts';
import { bodySection, rfc822, rfc822Header, rfc822Text } from './section.ts';
import { body, bodystructure, envelope } from './structure.ts';

export const FETCH_ITEMS = [
  envelope,
  flags,
  internaldate,
  rfc822,
  rfc822Header,
  size,
  rfc822Text,
  bodystructure,
  body,
  bodySection,
  uid,
  modseq,
  emailid,
  threadid,
] as const;

type ItemOf<S> = S extends FetchItemSpec<infer I> ? I : never;
/** One thing asked for by FETCH; macros (ALL, FAST, FULL) are expanded by the parser. */
export type FetchItem = ItemOf<(typeof FETCH_ITEMS)[number]>;

/** Items of one FETCH. */
const ITEMS_MAX = 256;

/** RFC 9051 section 6.4.5: macros stand alone. */
const MACROS: ReadonlyMap<string, readonly FetchItem[]> = new Map([
  ['ALL', [{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }, { kind: 'ENVELOPE' }]],
  ['FAST', [{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }]],
  [
    'FULL',
    [
      { kind: 'FLAGS' },
      { kind: 'INTERNALDATE' },
      { kind: 'RFC822.SIZE' },
      { kind: 'ENVELOPE' },
      { kind: 'BODY' },
    ],
  ],
]);

const BY_WORD: ReadonlyMap<string, FetchItemSpec<FetchItem>> = new Map(
  FETCH_ITEMS.flatMap((spec: FetchItemSpec<FetchItem>) =>
    (spec.words ?? [spec.kind]).map((word) => [word, spec] as const),
  ),
);
const BY_KIND: ReadonlyMap<string, FetchItemSpec<FetchItem>> = new Map(
  FETCH_ITEMS.map((spec: FetchItemSpec<FetchItem>) => [spec.kind, spec]),
);

/** The row of a parsed item. */
export function fetchItemSpec({ kind }: FetchItem): FetchItemSpec<FetchItem> {
  return BY_KIND.get(kind)!;
}

/** macro / fetch-att / "(" fetch-att *(SP fetch-att) ")", without duplicates */
export function fetchItems(reader: Reader): readonly FetchItem[] {
  if (!reader.isAt('(')) {
    for (const [macro, items] of MACROS) if (reader.acceptKeyword(macro)) return items;
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
  const name = reader.until(' ()[<').toUpperCase();
  const word = reader.isAt('[') ? `${name}[` : name;
  const spec = BY_WORD.get(word);
  if (spec === undefined) throw new SyntaxProblem('unknown data item');
  return spec.parse?.(reader, word) ?? ({ kind: spec.kind } as FetchItem);
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

/**
 * Every key of SEARCH (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, and the extensions named beside each). From these
 * rows come the grammar, the tests and the capability line; an extension adds a row.
 */
import { before, older, on, sentBefore, sentOn, sentSince, since, younger } from './dates.ts';
import {
  all,
  answered,
  deleted,
  draft,
  flagged,
  keyword,
  new_,
  old,
  recent,
  seen,
  unanswered,
  undeleted,
  undraft,
  unflagged,
  unkeyword,
  unseen,
} from './flags.ts';
import type { SearchKeySpec } from './key.ts';
import { conjunction, either, negation } from './logic.ts';
import { emailid, larger, modseq, sequence, smaller, threadid, uid } from './numbers.ts';
import { bcc, body, cc, from, header, subject, text, to } from './text.ts';

export const SEARCH_KEYS = [
  all,
  answered,
  deleted,
  draft,
  flagged,
  seen,
  unanswered,
  undeleted,
  undraft,
  unflagged,
  unseen,
  new_,
  old,
  recent,
  keyword,
  unkeyword,
  bcc,
  body,
  cc,
  from,
  header,
  subject,
  text,
  to,
  before,
  on,
  since,
  sentBefore,
  sentOn,
  sentSince,
  older,
  younger,
  larger,
  smaller,
  modseq,
  emailid,
  threadid,
  sequence,
  uid,
  negation,
  either,
  conjunction,
] as const;

export type SearchKey = Parameters<(typeof SEARCH_KEYS)[number]['test']>[0];

const BY_KIND: ReadonlyMap<string, SearchKeySpec<SearchKey>> = new Map(
  SEARCH_KEYS.map((spec: SearchKeySpec<SearchKey>) => [spec.kind, spec]),
);

/** The row of a parsed key. */
export function searchKeySpec({ kind }: SearchKey): SearchKeySpec<SearchKey> {
  return BY_KIND.get(kind)!;
}

/** The row that a word of the grammar means. */
export function searchKeyOfWord(word: string): SearchKeySpec<SearchKey> | undefined {
  const spec = BY_KIND.get(word);
  return spec?.isWordless ? undefined : spec;
}

/** A key and all keys in it; the parser has bounded their number and depth. */
export function* keysWithin(key: SearchKey): Generator<SearchKey> {
  yield key;
  for (const inner of searchKeySpec(key).inner?.(key) ?? []) yield* keysWithin(inner);
}

export function usesModseq(key: SearchKey): boolean {
  return keysWithin(key).some((one) => searchKeySpec(one).enablesCondstore === true);
}

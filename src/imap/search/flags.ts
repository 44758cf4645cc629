/** Keys that look at flags (RFC 3501 section 6.4.4); a flag is the same in any case (RFC 9051 section 2.3.2). */
import type { Flag } from '../codec/types.ts';
import { type QuickTest, quick, type SearchKeySpec } from './key.ts';

export const all = plain('ALL', () => true);
export const answered = plain('ANSWERED', flagTest('\\Answered', true));
export const deleted = plain('DELETED', flagTest('\\Deleted', true));
export const draft = plain('DRAFT', flagTest('\\Draft', true));
export const flagged = plain('FLAGGED', flagTest('\\Flagged', true));
export const seen = plain('SEEN', flagTest('\\Seen', true));
export const unanswered = plain('UNANSWERED', flagTest('\\Answered', false));
export const undeleted = plain('UNDELETED', flagTest('\\Deleted', false));
export const undraft = plain('UNDRAFT', flagTest('\\Draft', false));
export const unflagged = plain('UNFLAGGED', flagTest('\\Flagged', false));
export const unseen = plain('UNSEEN', flagTest('\\Seen', false));

/** \Recent is the session's own. NEW is RECENT and UNSEEN; OLD is not RECENT, whatever was seen. */
export const recent = ofSession('RECENT', (isRecent) => isRecent);
export const old = ofSession('OLD', (isRecent) => !isRecent);
export const new_ = ofSession('NEW', (isRecent, isUnseen) => isRecent && isUnseen);

interface KeywordKey<K extends string> {
  readonly kind: K;
  readonly flag: Flag;
}
export const keyword = keywordKey('KEYWORD', true);
export const unkeyword = keywordKey('UNKEYWORD', false);

function plain<const K extends string>(kind: K, test: QuickTest): SearchKeySpec<{ readonly kind: K }> {
  return { kind, test: () => quick(test) };
}

function ofSession<const K extends string>(
  kind: K,
  holds: (isRecent: boolean, isUnseen: boolean) => boolean,
): SearchKeySpec<{ readonly kind: K }> {
  const isUnseen = flagTest('\\Seen', false);
  return {
    kind,
    test: (_, { isRecent }) =>
      quick((message, sequence) => holds(isRecent(message.uid), isUnseen(message, sequence))),
  };
}

function keywordKey<const K extends string>(kind: K, wanted: boolean): SearchKeySpec<KeywordKey<K>> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, flag: reader.atom('expected a keyword') }),
    test: ({ flag }) => quick(flagTest(flag, wanted)),
  };
}

function flagTest(flag: string, wanted: boolean): QuickTest {
  const lower = flag.toLowerCase();
  return ({ flags }) => flags.some((one) => one.toLowerCase() === lower) === wanted;
}

/**
 * Flags of a message (RFC 9051 section 2.3.2): five system flags as bits, and keywords as names. A keyword is compared
 * without regard to case and shown as it was first written. `\Recent` is gone (RFC 9051 appendix E) and never stored.
 */
import { Failure } from '../../lib/failure.ts';
import type { AccountLimits } from './limits.ts';

/** Bits are part of the record format (docs/storage-account.md). */
export const ANSWERED = 1;
export const FLAGGED = 2;
export const DELETED = 4;
export const SEEN = 8;
export const DRAFT = 16;
/** All bits that there are. */
export const SYSTEM_BITS = 31;

const SYSTEM_FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [ANSWERED, '\\Answered'],
  [FLAGGED, '\\Flagged'],
  [DELETED, '\\Deleted'],
  [SEEN, '\\Seen'],
  [DRAFT, '\\Draft'],
];

/** Flags as records and requests hold them; keywords in no order, none twice. */
export interface FlagSet {
  readonly bits: number;
  readonly keywords: readonly string[];
}

export const NO_FLAGS: FlagSet = { bits: 0, keywords: [] };

/** Reads the flags of a request. Failure 'invalid' or 'limit'. */
export function parseFlags(flags: readonly string[], limits: AccountLimits): FlagSet {
  let bits = 0;
  const keywords = new Map<string, string>();
  for (const flag of flags) {
    if (flag.startsWith('\\')) bits |= systemBit(flag);
    else if (!isAtom(flag)) throw new Failure('invalid', 'a keyword is not an atom');
    else if (flag.length > limits.keywordOctetsMax)
      throw new Failure('limit', `a keyword is longer than ${limits.keywordOctetsMax} octets`);
    else if (!keywords.has(fold(flag))) keywords.set(fold(flag), flag);
  }
  return keywordsWithin({ bits, keywords: [...keywords.values()] }, limits);
}

/** Failure 'limit' when these are too many keywords for one message. */
export function keywordsWithin(flagSet: FlagSet, limits: AccountLimits): FlagSet {
  if (flagSet.keywords.length > limits.keywordsPerMessageMax)
    throw new Failure('limit', `more than ${limits.keywordsPerMessageMax} keywords on a message`);
  return flagSet;
}

/** What a message with `old` has after a STORE. Spelling: what was there first stays. */
export function combine(old: FlagSet, mode: 'add' | 'remove' | 'replace', given: FlagSet): FlagSet {
  if (mode === 'replace') return given;
  if (mode === 'add') {
    const fresh = without(given.keywords, old.keywords);
    return { bits: old.bits | given.bits, keywords: [...old.keywords, ...fresh] };
  }
  return { bits: old.bits & ~given.bits, keywords: without(old.keywords, given.keywords) };
}

/** The names of system flags, in the order of RFC 9051 section 2.3.2. */
export function systemFlags(bits: number): readonly string[] {
  return SYSTEM_FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** The form in which keywords are compared; they are ASCII. */
export function fold(keyword: string): string {
  return keyword.toLowerCase();
}

function without(keywords: readonly string[], others: readonly string[]): readonly string[] {
  const away = new Set(others.map(fold));
  return keywords.filter((keyword) => !away.has(fold(keyword)));
}

function systemBit(flag: string): number {
  const found = SYSTEM_FLAGS.find(([, name]) => fold(name) === fold(flag));
  // RFC 9051 section 2.3.2: other names with a backslash are reserved, and \Recent is nobody's to set.
  if (found === undefined) throw new Failure('invalid', 'no such system flag');
  return found[0];
}

/** RFC 9051 section 9: flag-keyword is an atom; this is printable ASCII without its atom-specials. */
function isAtom(keyword: string): boolean {
  return /^[!#$&'+-Z[^-z|}~]+$/.test(keyword);
}

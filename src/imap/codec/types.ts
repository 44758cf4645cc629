/**
 * What commands are made of, as values (RFC 9051, RFC 3501 where it says more); each command has its own in commands/.
 * Nothing here refers to the receive buffer: octets are copies or whole frames that nobody writes to again. Mailbox names
 * are decoded to Unicode, `INBOX` in this spelling, NFC.
 */

/** `*` in a sequence set: the largest number in use. Larger than every number, so that ranges can be compared. */
export const STAR = Number.POSITIVE_INFINITY;

/** A range of a sequence set, `from` ≤ `to` (RFC 9051 section 9: "2:4" and "4:2" are the same). */
export interface SequenceRange {
  /** 1 … 2^32 - 1 or STAR. */
  readonly from: number;
  readonly to: number;
}

/** RFC 9051 section 9, sequence-set: ranges in the order given, or `$`, the saved search result (section 6.4.4.1). */
export type SequenceSet =
  | { readonly kind: 'ranges'; readonly ranges: readonly SequenceRange[] }
  | SavedResult;
export interface SavedResult {
  readonly kind: 'saved';
}

/** RFC 9051 section 2.3.2, without \Recent, which no client can set. */
export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'];

/** Flags keep the spelling of the peer, but system flags are written as in RFC 9051 section 2.3.2 (`\Seen`). */
export type Flag = string;

/** Calendar day of a search key, without a time zone (RFC 9051 section 6.4.4: "disregarding time and timezone"). */
export interface Day {
  readonly year: number;
  /** 1 … 12. */
  readonly month: number;
  readonly day: number;
}

/** What the session's state means to the grammar. */
export interface ParseContext {
  /** After ENABLE UTF8=ACCEPT or IMAP4rev2: strings and mailbox names are UTF-8 (RFC 6855, RFC 9051 section 5.1). */
  readonly utf8: boolean;
}

/** A command that was refused before it was run: `tag status code why`. */
export interface Refused {
  readonly kind: 'bad';
  /** Undefined when not even a tag could be read: answer `* BAD`. */
  readonly tag: string | undefined;
  /** BAD, or NO where the standard asks for it (unknown charset). */
  readonly status: 'BAD' | 'NO';
  /** Response code with its brackets, or empty: `[BADCHARSET (US-ASCII UTF-8)]`. */
  readonly code: string;
  /** For people; never holds octets of the input that could break a response line. */
  readonly why: string;
}

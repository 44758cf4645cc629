/**
 * IMAP commands as values: what the parser gives and the sessions run on (RFC 9051, RFC 3501 where it says more, and
 * the extensions named beside each field). Nothing here refers to the receive buffer: octets are copies or whole
 * frames that nobody writes to again. Mailbox names are decoded to Unicode, `INBOX` in this spelling, NFC.
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

/** Flags keep the spelling of the peer, but system flags are written as in RFC 9051 section 2.3.2 (`\Seen`). */
export type Flag = string;

/** RFC 9051 section 9, status-att; RECENT of RFC 3501, HIGHESTMODSEQ of RFC 7162, MAILBOXID of RFC 8474. */
export const STATUS_ITEMS = [
  'MESSAGES',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'RECENT',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
] as const;
export type StatusItem = (typeof STATUS_ITEMS)[number];

/** RFC 9051 section 6.3.9.1, selection options; SPECIAL-USE of RFC 6154. */
export const LIST_SELECTION_OPTIONS = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'] as const;
export type ListSelectionOption = (typeof LIST_SELECTION_OPTIONS)[number];

/** RFC 9051 section 6.3.9.2, return options without arguments; SPECIAL-USE of RFC 6154. STATUS has items of its own. */
export const LIST_RETURN_OPTIONS = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'] as const;
export type ListReturnOption = (typeof LIST_RETURN_OPTIONS)[number];

/** RFC 9051 section 6.4.4, result options; SAVE is `$` of section 6.4.4.1. */
export const SEARCH_RETURN_OPTIONS = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'] as const;
export type SearchReturnOption = (typeof SEARCH_RETURN_OPTIONS)[number];

/** A part of a message: RFC 9051 section 6.4.5.1. `BODY[]` has no part and no text. */
export interface Section {
  /** `[4, 1]` of `BODY[4.1.MIME]`; empty for the whole message. */
  readonly part: readonly number[];
  readonly text: SectionText | undefined;
  /** Names of HEADER.FIELDS and HEADER.FIELDS.NOT as given; empty otherwise. */
  readonly fields: readonly string[];
}
export const SECTION_TEXTS = ['HEADER', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT', 'TEXT', 'MIME'] as const;
export type SectionText = (typeof SECTION_TEXTS)[number];

/** `<offset.octets>`; `octets` is at least 1. */
export interface PartialRange {
  readonly offset: number;
  readonly octets: number;
}

/** Items without arguments. `BODY` is BODYSTRUCTURE without extension data; MODSEQ is RFC 7162, the ids RFC 8474. */
export const SIMPLE_FETCH_ITEMS = [
  'ENVELOPE',
  'FLAGS',
  'INTERNALDATE',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.SIZE',
  'RFC822.TEXT',
  'BODYSTRUCTURE',
  'BODY',
  'UID',
  'MODSEQ',
  'EMAILID',
  'THREADID',
] as const;
export type SimpleFetchItem = (typeof SIMPLE_FETCH_ITEMS)[number];

/** One thing asked for by FETCH; macros (ALL, FAST, FULL) are expanded by the parser. */
export type FetchItem = { readonly kind: SimpleFetchItem } | BodySectionItem;
export interface BodySectionItem {
  readonly kind: 'BODY[]';
  readonly section: Section;
  readonly partial: PartialRange | undefined;
  /** BODY.PEEK: does not set \Seen. */
  readonly peek: boolean;
}

/** Calendar day of a search key, without a time zone (RFC 9051 section 6.4.4: "disregarding time and timezone"). */
export interface Day {
  readonly year: number;
  /** 1 … 12. */
  readonly month: number;
  readonly day: number;
}

/** Search keys that only look at flags. RECENT, NEW and OLD are RFC 3501's. */
export const FLAG_SEARCH_KEYS = [
  'ALL',
  'ANSWERED',
  'DELETED',
  'DRAFT',
  'FLAGGED',
  'SEEN',
  'UNANSWERED',
  'UNDELETED',
  'UNDRAFT',
  'UNFLAGGED',
  'UNSEEN',
  'NEW',
  'OLD',
  'RECENT',
] as const;
export type FlagSearchKey = (typeof FLAG_SEARCH_KEYS)[number];
export const TEXT_SEARCH_KEYS = ['BCC', 'BODY', 'CC', 'FROM', 'SUBJECT', 'TEXT', 'TO'] as const;
export type TextSearchKey = (typeof TEXT_SEARCH_KEYS)[number];
export const DATE_SEARCH_KEYS = ['BEFORE', 'ON', 'SINCE', 'SENTBEFORE', 'SENTON', 'SENTSINCE'] as const;
export type DateSearchKey = (typeof DATE_SEARCH_KEYS)[number];

/** RFC 9051 section 6.4.4. Strings are decoded from the command's charset. */
export type SearchKey =
  | { readonly kind: FlagSearchKey }
  | { readonly kind: TextSearchKey; readonly text: string }
  | { readonly kind: DateSearchKey; readonly day: Day }
  | { readonly kind: 'KEYWORD' | 'UNKEYWORD'; readonly flag: Flag }
  | { readonly kind: 'LARGER' | 'SMALLER'; readonly octets: number }
  /** RFC 5032. */
  | { readonly kind: 'OLDER' | 'YOUNGER'; readonly seconds: number }
  | { readonly kind: 'HEADER'; readonly field: string; readonly text: string }
  /** RFC 7162 section 3.1.5; entry name and type are accepted and, as one modseq covers all flags, not kept. */
  | { readonly kind: 'MODSEQ'; readonly modseq: number }
  | { readonly kind: 'EMAILID' | 'THREADID'; readonly id: string }
  | { readonly kind: 'SEQUENCE' | 'UID'; readonly set: SequenceSet }
  | { readonly kind: 'NOT'; readonly key: SearchKey }
  | { readonly kind: 'OR'; readonly left: SearchKey; readonly right: SearchKey }
  /** A parenthesised list, and the command's own list of keys. */
  | { readonly kind: 'AND'; readonly keys: readonly SearchKey[] };

export interface ListCommand {
  readonly name: 'LIST';
  readonly reference: string;
  /** One or more; `*` and `%` are wildcards. */
  readonly patterns: readonly string[];
  readonly selection: ReadonlySet<ListSelectionOption>;
  readonly returns: ReadonlySet<ListReturnOption>;
  /** Items of `RETURN (STATUS (…))`, RFC 5819; empty without it. */
  readonly status: readonly StatusItem[];
  /** Any part of the extended syntax was used: an empty pattern then no longer asks for the separator alone. */
  readonly extended: boolean;
}

export interface AppendCommand {
  readonly name: 'APPEND';
  readonly mailbox: string;
  readonly flags: readonly Flag[];
  readonly internalDateMs: number | undefined;
  readonly content: Buffer;
}

export interface SearchCommand {
  readonly name: 'SEARCH';
  readonly uid: boolean;
  /** Undefined without RETURN: answer with SEARCH, or ESEARCH after ENABLE IMAP4rev2. `RETURN ()` is {ALL}. */
  readonly returns: ReadonlySet<SearchReturnOption> | undefined;
  readonly key: SearchKey;
}

export interface FetchCommand {
  readonly name: 'FETCH';
  readonly uid: boolean;
  readonly set: SequenceSet;
  /** As asked for, duplicates removed; UID FETCH's implicit UID is not added here. */
  readonly items: readonly FetchItem[];
  /** RFC 7162. */
  readonly changedSince: number | undefined;
}

export interface StoreCommand {
  readonly name: 'STORE';
  readonly uid: boolean;
  readonly set: SequenceSet;
  readonly mode: 'add' | 'remove' | 'replace';
  readonly silent: boolean;
  readonly flags: readonly Flag[];
  /** RFC 7162; 0 is allowed and matches only messages that have never had a modseq. */
  readonly unchangedSince: number | undefined;
}

/** A parsed command without its tag. `switch (command.name)`. */
export type Command =
  | { readonly name: 'CAPABILITY' | 'NOOP' | 'LOGOUT' | 'STARTTLS' }
  | { readonly name: 'NAMESPACE' | 'IDLE' | 'CHECK' | 'CLOSE' | 'UNSELECT' }
  | { readonly name: 'LOGIN'; readonly user: string; readonly password: string }
  | {
      readonly name: 'AUTHENTICATE';
      /** Upper case. */
      readonly mechanism: string;
      /** Decoded from base64; empty for `=`; undefined when the client waits for a challenge (RFC 4959). */
      readonly initialResponse: Buffer | undefined;
    }
  | { readonly name: 'ENABLE' /** Upper case. */; readonly capabilities: readonly string[] }
  /** RFC 2971; undefined for NIL. Field names in lower case. */
  | { readonly name: 'ID'; readonly fields: ReadonlyMap<string, string | undefined> | undefined }
  | { readonly name: 'SELECT' | 'EXAMINE'; readonly mailbox: string; readonly condstore: boolean }
  | {
      readonly name: 'CREATE';
      readonly mailbox: string /** RFC 6154. */;
      readonly specialUse: readonly string[];
    }
  | { readonly name: 'DELETE' | 'SUBSCRIBE' | 'UNSUBSCRIBE'; readonly mailbox: string }
  | { readonly name: 'RENAME'; readonly from: string; readonly to: string }
  | ListCommand
  | { readonly name: 'LSUB'; readonly reference: string; readonly pattern: string }
  | { readonly name: 'STATUS'; readonly mailbox: string; readonly items: readonly StatusItem[] }
  | AppendCommand
  /** `uids` for UID EXPUNGE (RFC 4315). */
  | { readonly name: 'EXPUNGE'; readonly uids: SequenceSet | undefined }
  | SearchCommand
  | FetchCommand
  | StoreCommand
  | {
      readonly name: 'COPY' | 'MOVE';
      readonly uid: boolean;
      readonly set: SequenceSet;
      readonly mailbox: string;
    };

export type CommandName = Command['name'];

/** What the session's state means to the grammar. */
export interface ParseContext {
  /** After ENABLE UTF8=ACCEPT or IMAP4rev2: strings and mailbox names are UTF-8 (RFC 6855, RFC 9051 section 5.1). */
  readonly utf8: boolean;
}

/** The outcome of parsing one frame. */
export type Parsed =
  | { readonly kind: 'command'; readonly tag: string; readonly command: Command }
  | {
      readonly kind: 'bad';
      /** Undefined when not even a tag could be read: answer `* BAD`. */
      readonly tag: string | undefined;
      /** BAD, or NO where the standard asks for it (unknown charset). */
      readonly status: 'BAD' | 'NO';
      /** Response code with its brackets, or empty: `[BADCHARSET (US-ASCII UTF-8)]`. */
      readonly code: string;
      /** For people; never holds octets of the input that could break a response line. */
      readonly why: string;
    };

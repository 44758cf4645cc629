/** Every limit of an open account, by name; what a request meets when it goes over one is Failure 'limit'. */
export interface AccountLimits {
  readonly mailboxesMax: number;
  /** UTF-8 octets of a whole mailbox name. */
  readonly nameOctetsMax: number;
  /** UTF-8 octets between two separators. */
  readonly componentOctetsMax: number;
  readonly depthMax: number;
  readonly subscriptionsMax: number;
  readonly messagesPerMailboxMax: number;
  /** Of all mailboxes together, a large copy under way included: what an account may take of a worker's memory. */
  readonly messagesPerAccountMax: number;
  /** Messages of one COPY: what becomes visible in one turn. */
  readonly copyMessagesMax: number;
  /** Content of one message; a log record holds at most 128 MiB. */
  readonly messageOctetsMax: number;
  readonly keywordOctetsMax: number;
  readonly keywordsPerMessageMax: number;
  /** Different keywords in use in one mailbox. */
  readonly keywordsPerMailboxMax: number;
  /** Different sets of keywords that the messages of one mailbox have … */
  readonly keywordSetsPerMailboxMax: number;
  /** … and what these take, see `KeywordSets.octets`. */
  readonly keywordSetsOctetsMax: number;
  readonly propertiesMax: number;
  readonly propertyKeyOctetsMax: number;
  readonly propertyOctetsMax: number;
  /** All keys and values together. */
  readonly propertiesOctetsMax: number;
  /** Outcomes remembered for frontends, of all incarnations together. */
  readonly transactionsMax: number;
  /** Octets of all remembered results together. */
  readonly transactionsOctetsMax: number;
}

export const ACCOUNT_LIMITS: AccountLimits = {
  mailboxesMax: 10_000,
  nameOctetsMax: 1_000,
  componentOctetsMax: 255,
  depthMax: 32,
  subscriptionsMax: 10_000,
  messagesPerMailboxMax: 5_000_000,
  // Some 64 octets each, so 320 MB.
  messagesPerAccountMax: 5_000_000,
  copyMessagesMax: 2_000_000,
  messageOctetsMax: 100 * 2 ** 20,
  keywordOctetsMax: 255,
  keywordsPerMessageMax: 100,
  keywordsPerMailboxMax: 1_000,
  // A row's flags word has room for 24 bits of it (columns.ts), a snapshot for numbers up to this (keywords.ts).
  keywordSetsPerMailboxMax: 65_535,
  keywordSetsOctetsMax: 16 * 2 ** 20,
  propertiesMax: 10_000,
  propertyKeyOctetsMax: 1_024,
  propertyOctetsMax: 2 ** 20,
  propertiesOctetsMax: 16 * 2 ** 20,
  transactionsMax: 100_000,
  transactionsOctetsMax: 64 * 2 ** 20,
};

/** A change of more messages than this is done in slices, so that it does not hold the event loop (invariant 8). */
export const TRANSFER_WHOLE_MAX = 5_000;

/** RFC 9051 section 2.3.1.1: UIDs and UIDVALIDITY are non-zero 32-bit numbers. */
export const UID_MAX = 2 ** 32 - 1;
/** A mailbox remembers which UIDs were expunged at least this long (docs/architecture.md section 4) … */
export const EXPUNGED_KEPT_MS = 7 * 24 * 3_600_000;
/** … but at most this many ranges of them, 24 octets each; a client that was away longer compares all UIDs. */
export const EXPUNGED_RANGES_MAX = 50_000;
/** Internal dates either way from 1970; four-digit years (RFC 9051, date-year) fit many times. */
export const DATE_MS_MAX = 2 ** 51;

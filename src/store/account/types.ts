/**
 * An open account as sessions and services see it. The state is in memory and read without waiting; it may run ahead of
 * the disk, so **whatever was read is shown only after `await settled()`**, and a change is answered only after its
 * promise resolved. Sequence numbers are a session's own affair: the store knows UIDs.
 */
import type { ObjectId, TransactionId } from '../ids.ts';
import type { UidRanges } from './ranges.ts';

export type Uid = number & { readonly '#': 'Uid' }; // RFC 9051 section 2.3.1.1
export type ModSeq = number & { readonly '#': 'ModSeq' }; // RFC 7162, one counter for the whole account
export type MailboxId = number & { readonly '#': 'MailboxId' }; // never reused in the account

export interface Account {
  readonly id: ObjectId;
  /** Every selectable mailbox and every name that is only a parent, sorted by name; INBOX is always there. */
  mailboxes(): readonly Mailbox[];
  /** By name; `INBOX` in any case (RFC 9051 section 5.1). Names are Unicode strings with `/` as separator. */
  mailbox(name: string): Mailbox | undefined;
  mailboxById(id: MailboxId): Mailbox | undefined;
  isSubscribed(name: string): boolean;
  subscriptions(): readonly string[];

  /** Creates missing parents too. Failure 'exists', 'invalid', 'limit'. */
  createMailbox(
    name: string,
    options?: { specialUse?: string; transaction?: TransactionId },
  ): Promise<Mailbox>;
  /**
   * A mailbox with children stays as a name that cannot be selected. Failure 'not-found', 'invalid' (INBOX, and such a
   * name while it has children).
   */
  deleteMailbox(name: string, transaction?: TransactionId): Promise<void>;
  /** Renames children too; renaming INBOX moves its messages (RFC 9051 section 6.3.6). */
  renameMailbox(from: string, to: string, transaction?: TransactionId): Promise<void>;
  setSubscribed(name: string, subscribed: boolean, transaction?: TransactionId): Promise<void>;

  append(mailbox: MailboxId, message: NewMessage, transaction?: TransactionId): Promise<Appended>;
  // Which messages an operation is on, and which it was on, is said in ranges of UIDs: a mailbox has millions.

  /** Adds, removes or replaces flags; gives the UIDs that changed, and those refused by `unchangedSince` (RFC 7162). */
  storeFlags(mailbox: MailboxId, change: FlagChange, transaction?: TransactionId): Promise<FlagsStored>;
  /** Metadata only. UIDs that no longer exist are left out of the result. */
  copy(mailbox: MailboxId, uids: UidRanges, to: MailboxId, transaction?: TransactionId): Promise<Copied>;
  /** Copy and expunge in one commit (RFC 6851). */
  move(mailbox: MailboxId, uids: UidRanges, to: MailboxId, transaction?: TransactionId): Promise<Copied>;
  /** Expunges those of `uids` (all when absent) that have \Deleted; gives the UIDs expunged. */
  expunge(mailbox: MailboxId, uids?: UidRanges, transaction?: TransactionId): Promise<UidRanges>;

  /** Octets of a message's content, or a part of them. */
  read(message: Message, from?: number, octets?: number): Promise<Buffer>;

  /**
   * What became of a transaction: its result, or 'refused' when the account had not heard of it, which then is
   * remembered: should the request arrive later, it is refused (architecture: asked for, never guessed).
   */
  outcome(transaction: TransactionId): Promise<Buffer | 'refused'>;

  /** Settings, credentials and other small objects kept in the account's log. Not a copy: never write to it. */
  property(key: string): Buffer | undefined;
  setProperties(changes: ReadonlyMap<string, Buffer | undefined>, transaction?: TransactionId): Promise<void>;

  /** Everything in the state is durable and the lease was held after that. See `Log.settled`. */
  settled(): Promise<void>;
  /** Told after each change has settled, with the mailboxes it touched. The returned function ends it. */
  watch(listener: (changed: ReadonlySet<MailboxId>) => void): () => void;
  /** Aborted when this open account can no longer be used: lease gone, log failed, account deleted. */
  readonly gone: AbortSignal;
}

export interface NewMessage {
  readonly content: Buffer;
  readonly flags: readonly string[];
  readonly internalDateMs: number;
}

export interface Appended {
  readonly uidValidity: number;
  readonly uid: Uid;
}

export interface FlagChange {
  readonly uids: UidRanges;
  readonly mode: 'add' | 'remove' | 'replace';
  readonly flags: readonly string[];
  readonly unchangedSince?: ModSeq;
}

export interface FlagsStored {
  readonly changed: UidRanges;
  readonly refused: UidRanges;
}

/** What a copy or a move did; `newUids` (copied.ts) gives the other side of COPYUID (RFC 4315). */
export interface Copied {
  /** Of the target. */
  readonly uidValidity: number;
  /** The messages that were copied, by their UIDs in the source. */
  readonly from: UidRanges;
  /** Which UIDs they have in the target, in the same order: one run, but where others came in between. */
  readonly runs: readonly UidRun[];
}

/** New UIDs that follow each other: of the copied messages from index `at` on, the first is `to`. */
export interface UidRun {
  readonly at: number;
  readonly to: number;
}

export interface Mailbox {
  readonly id: MailboxId;
  /** `INBOX`, `Archive/2026`. Unicode, NFC. */
  readonly name: string;
  readonly selectable: boolean;
  /** `\Sent`, `\Trash` … (RFC 6154). */
  readonly specialUse: string | undefined;
  readonly uidValidity: number;
  readonly uidNext: Uid;
  readonly highestModseq: ModSeq;
  /** Number of messages. */
  readonly exists: number;
  readonly unseen: number;
  readonly deleted: number;
  /** Sum of sizes in octets. */
  readonly octets: number;
  /** Keywords in use here, without the system flags. */
  readonly keywords: readonly string[];
  /** The message at an index, 0 … exists - 1, ascending by UID. */
  at(index: number): Message;
  /** Index of a UID, or -1. */
  indexOf(uid: Uid): number;
  /** Index of the first message with a UID at or above this one; `exists` when there is none. */
  lowerBound(uid: number): number;
  /** A copy of the UIDs from one index up to, but not with, another. */
  uids(from: number, to: number): Uint32Array;
  /** Index of the first message without \Seen, or -1. */
  readonly firstUnseen: number;
  /** UIDs of messages now here whose modseq is larger. */
  changedSince(modseq: ModSeq): readonly Uid[];
  /** UIDs expunged with a larger modseq; undefined when that is no longer known so far back. */
  expungedSince(modseq: ModSeq): readonly Uid[] | undefined;
}

/** A row of a mailbox; cheap, made on demand, valid until the next await. */
export interface Message {
  readonly uid: Uid;
  readonly modseq: ModSeq;
  /** System flags as `\Seen`, keywords as they were first written. */
  readonly flags: readonly string[];
  readonly internalDateMs: number;
  /** Octets of the content (RFC822.SIZE). */
  readonly size: number;
  /** Stable over COPY and MOVE (RFC 8474, EMAILID). */
  readonly emailId: string;
}

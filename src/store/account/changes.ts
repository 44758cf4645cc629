/**
 * What can happen to an account, as plain values. A change states the result (these messages now have these flags), never
 * the request, so that applying it needs nothing else to be right. On disk a change is one record: records.ts. Changes of
 * one commit count together or not at all (docs/architecture.md section 8, 4).
 */
import type { Incarnation, TransactionId } from '../ids.ts';
import type { FlagSet } from './flags.ts';
import type { UidRanges } from './ranges.ts';

export type Change =
  | Initial
  | Blob
  | MailboxCreated
  | MailboxesRenamed
  | MailboxDeleted
  | Subscribed
  | MessagesAdded
  | FlagsChanged
  | Expunged
  | PropertiesChanged
  | TransactionDone
  | TransactionRefused
  | IncarnationForgotten
  | MailboxStated
  | MessagesStated
  | ExpungesStated
  | AccountStated
  | MessagesStaged
  | StagedAdded
  | StagingDropped;

/** What the account was created with; the first change of every log. See initial.ts. */
export interface Initial {
  readonly kind: 'initial';
  readonly entries: ReadonlyMap<string, Buffer>;
}

/** The content of a message. */
export interface Blob {
  readonly kind: 'blob';
  readonly blob: number;
  /** Facts about the content by tag; readers pass over tags they do not know. */
  readonly meta: readonly (readonly [tag: number, value: Buffer])[];
  readonly content: Buffer;
}

export interface MailboxCreated {
  readonly kind: 'mailbox-created';
  readonly mailbox: number;
  readonly name: string;
  readonly uidValidity: number;
  readonly specialUse: string | undefined;
}

export interface MailboxesRenamed {
  readonly kind: 'mailboxes-renamed';
  readonly names: readonly (readonly [mailbox: number, name: string])[];
}

/** The mailbox and its messages are gone; with `keepsName` a name that cannot be selected stays. */
export interface MailboxDeleted {
  readonly kind: 'mailbox-deleted';
  readonly mailbox: number;
  readonly keepsName: boolean;
}

export interface Subscribed {
  readonly kind: 'subscribed';
  readonly name: string;
  readonly subscribed: boolean;
}

/** New messages of a mailbox, by APPEND, COPY, MOVE or RENAME of INBOX; UIDs ascend. */
export interface MessagesAdded {
  readonly kind: 'messages-added';
  readonly mailbox: number;
  /** The different flags that the messages have; `AddedMessage.flags` is an index into them. */
  readonly flagSets: readonly FlagSet[];
  readonly messages: readonly AddedMessage[];
}

export interface AddedMessage {
  readonly uid: number;
  readonly blob: number;
  readonly dateMs: number;
  readonly flags: number;
}

export interface FlagsChanged {
  readonly kind: 'flags-changed';
  readonly mailbox: number;
  /** The flags that these messages have from now on. */
  readonly groups: readonly { readonly flagSet: FlagSet; readonly uids: UidRanges }[];
}

export interface Expunged {
  readonly kind: 'expunged';
  readonly mailbox: number;
  readonly wallMs: number;
  readonly uids: UidRanges;
}

export interface PropertiesChanged {
  readonly kind: 'properties-changed';
  readonly values: readonly (readonly [key: string, value: Buffer | undefined])[];
}

export interface TransactionDone {
  readonly kind: 'transaction-done';
  readonly transaction: TransactionId;
  /** See results.ts. */
  readonly result: Buffer;
}

/** Its outcome was asked for before it came; it is never done. */
export interface TransactionRefused {
  readonly kind: 'transaction-refused';
  readonly transaction: TransactionId;
}

export interface IncarnationForgotten {
  readonly kind: 'incarnation-forgotten';
  readonly incarnation: Incarnation;
}

/*
 * What a compaction writes (compaction.ts) states a part of the state as it was when the record was appended. Applied to
 * a state that has it already it changes nothing; applied to one that was replayed without the older files it makes that
 * part right, whatever had been missing in it.
 */

/** A mailbox without its messages. */
export interface MailboxStated {
  readonly kind: 'mailbox-stated';
  readonly mailbox: number;
  readonly name: string;
  readonly uidValidity: number;
  readonly specialUse: string | undefined;
  readonly selectable: boolean;
  readonly uidNext: number;
  readonly highestModseq: number;
}

/** Of the UIDs from `first` to `last` there are exactly these messages. */
export interface MessagesStated {
  readonly kind: 'messages-stated';
  readonly mailbox: number;
  readonly first: number;
  readonly last: number;
  readonly flagSets: readonly FlagSet[];
  readonly messages: readonly StatedMessage[];
}

export interface StatedMessage extends AddedMessage {
  readonly modseq: number;
}

/** What a mailbox knows of its expunges, and its counters; follows all of its messages. */
export interface ExpungesStated {
  readonly kind: 'expunges-stated';
  readonly mailbox: number;
  readonly uidNext: number;
  readonly highestModseq: number;
  /** The largest modseq of an expunge that is no longer known. */
  readonly forgotten: number;
  /** In the order in which they went; modseqs ascend. */
  readonly ranges: readonly ExpungedRange[];
}

export interface ExpungedRange {
  readonly modseq: number;
  readonly wallMs: number;
  readonly first: number;
  readonly last: number;
}

/** The account's counters. The last of a compaction: a blob that no message has by now is none. */
export interface AccountStated {
  readonly kind: 'account-stated';
  readonly modseq: number;
  readonly nextMailbox: number;
  readonly lastUidValidity: number;
  readonly nextBlob: number;
  readonly lostMessages: number;
}

/**
 * A part of a large COPY: messages that nobody sees yet. A staging that has not ended when its owner does is void: the
 * next drops it with its first commit.
 */
export interface MessagesStaged {
  readonly kind: 'messages-staged';
  /** Modseq of its first record. */
  readonly staging: number;
  /** Of the first message among all of the staging, from 0. */
  readonly position: number;
  readonly flagSets: readonly FlagSet[];
  readonly messages: readonly UnnumberedMessage[];
}

export type UnnumberedMessage = Omit<AddedMessage, 'uid'>;

/** All messages of a staging become messages of a mailbox, at once; the one at position n gets UID `first` + n. */
export interface StagedAdded {
  readonly kind: 'staged-added';
  readonly staging: number;
  readonly mailbox: number;
  readonly first: number;
  readonly count: number;
}

/** The COPY was refused in the end, or its owner came to its own. */
export interface StagingDropped {
  readonly kind: 'staging-dropped';
  readonly staging: number;
}

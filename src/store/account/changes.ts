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
  | IncarnationForgotten;

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

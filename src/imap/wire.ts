/**
 * What a frontend and the owner of an account say to each other about one IMAP session, over a bus stream named
 * `imap.session` (docs/imap-relay.md). The frontend frames commands and keeps a copy of the session's state, so that it
 * can go on at another owner; the owner parses, acts and answers.
 */
import type { ObjectId, TransactionId } from '../store/ids.ts';

/** What the client has been told of its mailbox: enough to build its numbering again (session/view.ts). */
export interface Told {
  /** Changes of flags up to this modseq have been told. */
  readonly changes: number;
  /** Expunges up to this modseq have been told. */
  readonly expunges: number;
  /** The highest UID that counts in EXISTS as told. */
  readonly uid: number;
}

/** UIDs as ascending ranges. */
export type RecentRanges = readonly (readonly [first: number, last: number])[];

/** All that a new owner needs to go on with a session. */
export interface SessionState {
  readonly enabled: readonly string[];
  readonly selected: SelectedState | undefined;
}

export interface SelectedState {
  readonly mailboxId: number;
  readonly uidValidity: number;
  readonly readOnly: boolean;
  /** As written to the client's socket: the frontend keeps it up to date from the marks. */
  readonly told: Told;
  /** `$` of RFC 5182: UIDs as the store encodes ranges; no octets for none. */
  readonly savedSearch: Buffer;
  /** UIDs that are \Recent to this session (RFC 3501 section 2.3.2). */
  readonly recent: RecentRanges;
}

export const NEW_SESSION: SessionState = { enabled: [], selected: undefined };

/** Opens the stream. */
export interface Attach {
  readonly object: ObjectId;
  readonly state: SessionState;
}

export type ToOwner =
  /** A further piece of a large frame; `command` has the last one. At most PIECE_OCTETS each. */
  | { readonly kind: 'piece'; readonly bytes: Buffer }
  | {
      readonly kind: 'command';
      readonly bytes: Buffer;
      /** Null for a command that changes nothing, or nothing that doing it twice would change again. */
      readonly transaction: TransactionId | null;
      /** From an earlier owner's output: so much of the answer the client has. 0 at first. */
      readonly progress: number;
      /** An earlier owner was asked already, and may have done it. */
      readonly again: boolean;
    }
  /** The IDLE is over: by DONE (RFC 2177), by another line, which is an error, or by the frontend after a long silence. */
  | { readonly kind: 'done'; readonly how: 'done' | 'other' | 'silence' }
  /** Goes on with an IDLE that another owner had begun: no further `+`. */
  | { readonly kind: 'idle-again'; readonly tag: string };

export type ToFrontend =
  /**
   * Bytes for the client. `whole` says that they end between responses: a session may be taken over here. `told` holds
   * when the last octet has been written to the client's socket, `recent` with it. `progress` counts what the command has
   * answered up to here, where a next owner can go on from there.
   */
  | {
      readonly kind: 'output';
      readonly bytes: Buffer;
      readonly whole: boolean;
      readonly told?: Told;
      readonly recent?: RecentRanges;
      readonly progress?: number;
    }
  /** Sent every second while a command runs: the owner is there, and the client may wait. */
  | { readonly kind: 'working' }
  /**
   * The command is over: `bytes` end with its tagged response, so that a client never gets a second one because the news
   * of the end was lost behind the response. A `savedSearch` that is left out is what it was.
   */
  | { readonly kind: 'end'; readonly bytes: Buffer; readonly state: StateNews };

export interface StateNews {
  readonly enabled: readonly string[];
  readonly selected: (Omit<SelectedState, 'savedSearch'> & { readonly savedSearch?: Buffer }) | undefined;
}

export const PIECE_OCTETS = 256 * 1024;

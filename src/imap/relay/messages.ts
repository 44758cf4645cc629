/**
 * What a frontend and the owner of an account say to each other about one IMAP session, over a bus stream named
 * `imap.session` (docs/imap-relay.md). The frontend frames commands and keeps a copy of the session's state, so that it
 * can go on at another owner; the owner parses, acts and answers.
 */
import type { ObjectId, TransactionId } from '../../store/ids.ts';
import type { Told } from '../session/view.ts';

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
  /** `$`, RFC 9051 section 6.4.4.1, as UIDs. */
  readonly savedSearch: readonly number[];
}

/** Opens the stream. */
export interface Attach {
  readonly object: ObjectId;
  readonly login: string;
  readonly state: SessionState;
  /** Capabilities that hold on this listener, for CAPABILITY and its response codes. */
  readonly remoteAddress: string;
}

export type ToOwner =
  /** A further piece of a large frame; `command` has the last one. At most PIECE_OCTETS each. */
  | { readonly kind: 'piece'; readonly bytes: Buffer }
  | {
      readonly kind: 'command';
      readonly bytes: Buffer;
      readonly transaction: TransactionId;
      /** From an earlier owner's output: so much of the answer the client has. 0 at first. */
      readonly progress: number;
    }
  /** The client's DONE (RFC 2177), or the frontend ends an IDLE. */
  | { readonly kind: 'done' }
  /** Goes on with an IDLE that another owner had begun: no further `+`. */
  | { readonly kind: 'idle-again'; readonly tag: string };

export type ToFrontend =
  /**
   * Bytes for the client. `whole` says that they end between responses: a session may be taken over here. `told` holds
   * when the last octet has been written to the client's socket. `progress` counts what the command has answered up to
   * here, where a next owner can go on from there.
   */
  | {
      readonly kind: 'output';
      readonly bytes: Buffer;
      readonly whole: boolean;
      readonly told?: Told;
      readonly progress?: number;
    }
  /**
   * The command is over: `bytes` end with its tagged response, so that a client never gets a second one because the news
   * of the end was lost behind the response.
   */
  | { readonly kind: 'end'; readonly bytes: Buffer; readonly state: SessionState };

export const PIECE_OCTETS = 256 * 1024;

/**
 * What a frontend and the owner of an account say to each other about one POP3 session, over a bus stream named
 * `pop.session` (docs/pop.md). The frontend parses commands and keeps all that a new owner needs to go on; the owner
 * answers from the account.
 */
import { readObjectId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { ObjectId, TransactionId } from '../store/ids.ts';
import type { Command } from './codec/command.ts';

export const POP_SERVICE = 'pop.session';

/** The maildrop as it was when the session opened it: what its message numbers follow from, at any owner. */
export interface Opened {
  readonly uidValidity: number;
  /** The highest UID that counts. */
  readonly uid: number;
  /** What was expunged up to this modseq never counted. */
  readonly modseq: number;
  readonly count: number;
}

/** Opens the stream. */
export interface Attach {
  readonly object: ObjectId;
  /** As the client logged in; for logs. */
  readonly login: string;
  /** Null before `open` was answered. */
  readonly opened: Opened | null;
}

/** Commands that the owner answers. */
export type OwnerCommand =
  | { readonly name: 'open' }
  | Exclude<Command, { name: 'CAPA' | 'NOOP' | 'STLS' | 'USER' | 'PASS' | 'AUTH' | 'LANG' }>;

export type ToOwner =
  /** UIDs (uid-list.ts) marked as deleted, and those retrieved whose \Seen is not written yet; before any command. */
  | { readonly kind: 'marks'; readonly deleted: Buffer; readonly seen: Buffer }
  | {
      readonly kind: 'command';
      readonly command: OwnerCommand;
      /** From an earlier owner's output: how much of the answer the client has. 0 at first. */
      readonly progress: number;
      /** Of QUIT. */
      readonly transaction: TransactionId | null;
    };

export type ToFrontend =
  /** Octets for the client, and how much of the answer it has when they were written. */
  | { readonly kind: 'output'; readonly bytes: Buffer; readonly progress: number }
  /** News that a long command goes on. */
  | { readonly kind: 'working' }
  /** The command is over: `bytes` end its answer, `changed` is what became of the session's state. */
  | { readonly kind: 'end'; readonly bytes: Buffer; readonly changed: StateChange };

export interface StateChange {
  readonly opened?: Opened;
  /** This UID is marked as deleted. */
  readonly marked?: number;
  /** No message is marked as deleted any more. */
  readonly unmarked?: true;
  /** This UID was retrieved; its \Seen is not written yet. */
  readonly seen?: number;
  /** \Seen is written for all that were retrieved. */
  readonly seenWritten?: true;
}

/** UIDs in one message of the bus: 256 KiB. */
export const UIDS_PER_MESSAGE = 64 * 1024;

/** Failure 'invalid'. */
export function readAttach(body: unknown): Attach {
  const { object, login, opened } = fields(body);
  if (typeof login !== 'string') throw new Failure('invalid', 'not a POP3 session');
  return { object: readObjectId(object), login, opened: opened === null ? null : readOpened(opened) };
}

function readOpened(value: unknown): Opened {
  const { uidValidity, uid, modseq, count } = fields(value);
  if (!isCount(uidValidity) || !isCount(uid) || !isCount(modseq) || !isCount(count))
    throw new Failure('invalid', 'not an opened maildrop');
  return { uidValidity, uid, modseq, count };
}

function fields(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Failure('invalid', 'not a POP3 session');
  return value as Record<string, unknown>;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

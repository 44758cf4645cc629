/**
 * The log of one object, as everything above it sees it. The format, the order of acts and the reasons are in
 * docs/storage.md; the fencing rules 1 to 5 are in docs/architecture.md, section 3.
 *
 * How an object uses it: hold the state in memory as a pure function of the records. To change it: `await writable()`,
 * then without another await check the request against the state, `append` the records and apply them to the state,
 * then `await settled()` before anybody is told. To read: take the answer from the state, then `await settled()` before
 * it is shown. When the log fails, drop the state and open the object again.
 */
import type { Epoch, Incarnation } from '../ids.ts';

/** The right to touch an object: a lease on its slot, or the controller's authority for the cluster settings. */
export interface Lease {
  readonly incarnation: Incarnation;
  readonly epoch: Epoch;
  /** True while this very grant (same epoch) still runs by the monotonic clock, margin taken off. Costs nothing. */
  held(): boolean;
  /** Resolves true when a renewal sent after this call confirmed the same epoch, false when it is lost. */
  confirm(): Promise<boolean>;
  /** Tells the controller of a file with a larger epoch than this lease's (rule 2). */
  reportLargerEpoch(epoch: Epoch): void;
  /**
   * "If taking fails, the slot is given back": this grant is over at once, and the slot goes to another owner if there is
   * one. Never for ENOSPC, EDQUOT, EROFS, which another owner would meet too (rule 3). Absent where there is nobody to
   * give anything to: the controller's authority, tools.
   */
  giveBack?(): void;
}

/** Where the payload of a record lies. */
export interface Place {
  /** The number in `000001.log`. */
  readonly file: number;
  /** Offset of the payload's first octet in that file. */
  readonly offset: number;
  readonly octets: number;
}

export interface RecordInput {
  /** 1 … 255; 1 to 15 belong to the log itself, the rest to the object's kind (docs/storage.md has the table). */
  readonly type: number;
  /** A reader that does not know the type may skip it; without this it refuses the object. */
  readonly skippable?: boolean;
  readonly modseq: number;
  readonly payload: readonly Buffer[];
}

export interface LogRecord {
  readonly type: number;
  readonly skippable: boolean;
  readonly epoch: Epoch;
  readonly modseq: number;
  readonly payload: Buffer;
  readonly place: Place;
}

export interface Log {
  /**
   * Makes sure this incarnation has a file of its own to append to: takes the object when that has not happened yet,
   * which may first replay records written since it was opened. Failure 'unavailable' (lease not held, larger epoch
   * seen, storage gone), 'no-space', 'damaged'.
   */
  writable(): Promise<void>;
  /** Queues records that count together or not at all. Only after `writable()`, in the same turn. Gives their places. */
  append(records: readonly RecordInput[]): readonly Place[];
  /**
   * Resolves when all that was appended before this call is durable and the lease with this file's epoch was held after
   * that (rule 3); with nothing in flight it checks the lease only. Failure 'no-space' when it certainly did not happen
   * for lack of space, 'unknown' when it may or may not have (only if something of the caller's was in flight),
   * 'unavailable' when nothing was in flight but the lease is gone.
   */
  settled(): Promise<void>;
  /** The octets at a place, or a part of them. */
  read(place: Place, from?: number, octets?: number): Promise<Buffer>;
  /** Finishes what is in flight, writes a close record, closes the files. Nothing may be appended after it. */
  close(): Promise<void>;
  /** Resolves with the reason when this log can no longer be used and its object must be dropped; never rejects. */
  readonly failed: Promise<Error>;
  /** What compaction and snapshots need; an object whose log has none is never compacted and has no snapshots. */
  readonly maintenance?: LogMaintenance;
}

/** A file that counts, and how many of its octets do. */
export interface FileCount {
  readonly file: number;
  readonly octets: number;
}

/** The log as its compaction sees it (src/store/compaction). Records are appended through `Log`. */
export interface LogMaintenance {
  /** The files that count, ascending, the one written last. */
  readonly files: readonly FileCount[];
  /** Octets of all files that count, what is queued included. */
  readonly countedOctets: number;
  /** Records that were replayed, those that a snapshot stood for left out: what the next opening would do again. */
  readonly replayed: number;
  /** Something that was durable is broken: such files are kept for an operator, and nothing is derived from them. */
  readonly isDamaged: boolean;
  /** Goes on in the next number; resolves when its first record has settled. */
  rotate(): Promise<void>;
  /** Ends a compaction: these files, the oldest that count, no longer do. After `writable()`, in the same turn. */
  replaced(numbers: readonly number[]): void;
  /** Where a place that was given earlier lies now. */
  currentPlace(place: Place): Place;
  /**
   * A whole payload, in pieces, its checksum compared whatever its size. Neighbours that are asked for in one turn share a
   * read. Failure 'damaged', 'unavailable'.
   */
  readRecord(place: Place): Promise<readonly Buffer[]>;
  /**
   * Writes a snapshot: what `content` gives of the state as it is now, to be restored in place of what was replayed and
   * appended so far. Resolves when it is written, and the older ones are removed. Not while a compaction runs. It may be
   * written after the log was closed, and after the lease is gone: what it says of its place stays true. With `inTurn`
   * that decides when `content` is called, which then gives a state that nobody changes any more. Without content none is
   * written.
   */
  writeSnapshot(content: () => Buffer | undefined, inTurn?: InTurn): Promise<void>;
}

/** Begins the work when its turn comes; ends with it. */
export type InTurn = (work: () => Promise<void>) => Promise<void>;

/** Takes the content of a snapshot in place of records; false, with nothing done, when it cannot be used. */
export type Restore = (content: Buffer) => boolean;

/** Every bound of compaction and snapshots (docs/storage.md). */

/** More files than this that count start a compaction. */
export const FILES_MAX = 8;
/** Below this many octets, dead ones start none. */
export const DEAD_OCTETS_MIN = 16 * 1024 * 1024;
export interface SliceLimits {
  /** Octets that a slice of a compaction appends, if it is not one larger record: what a commit may have to wait for. */
  readonly sliceOctets: number;
  /** Rows or ranges that a slice takes from the state in one turn; one list of expunges is never divided. */
  readonly sliceEntries: number;
}

export const SLICE_LIMITS: SliceLimits = { sliceOctets: 512 * 1024, sliceEntries: 4096 };
/** Compactions of one worker at a time. */
export const COMPACTIONS_MAX = 2;
/** Snapshots of closed objects that one worker writes at a time: apart from compactions, as a closed object waits in memory. */
export const CLOSING_SNAPSHOTS_MAX = 2;
/** After one that failed (no space, a read that got no answer), so many commits go by before the next. */
export const RETRY_AFTER_COMMITS = 1000;
/** A closing object gets a snapshot when the next opening would replay more records than this. */
export const SNAPSHOT_RECORDS_MIN = 1000;
/** Slices that found nothing to say, one after another, before the event loop runs. */
export const LOOKS_WITHOUT_REST = 8;

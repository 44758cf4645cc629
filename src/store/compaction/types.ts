/**
 * What an object gives to be compacted: its state as records, a slice at a time, with its own commits going on in between
 * (docs/storage.md, compaction). The rules for the records:
 *
 * - Applied to a state that has all records before them, they change nothing but places.
 * - Applied to one that has only the records since the compaction's first, each makes the part that it states exactly as
 *   it was when the record was appended, and from then on that part follows the live records as ever.
 * - So a live record whose object has not been stated yet must do no harm elsewhere, and after the last slice every part
 *   has been stated.
 */
import type { Place, RecordInput } from '../log/types.ts';

export interface Slice {
  /** Reads what it needs; the state may change meanwhile. */
  prepare?(): Promise<void>;
  /** What to append, from the state as it is now; one commit. None when there is nothing to say any more. */
  records(): readonly RecordInput[];
  /** They were appended, in the turn of `records`: the state takes them, by the function that replay uses. */
  applied(places: readonly Place[]): void;
}

export interface CompactionSource {
  /** All slices, in order. `replacing` are the files whose records will no longer count. */
  slices(replacing: ReadonlySet<number>): Iterable<Slice>;
  /** About how many octets of log the state is worth. */
  liveOctets(): number;
  /** The whole state, for a snapshot; undefined when it is too large for one. */
  snapshot(): Buffer | undefined;
}

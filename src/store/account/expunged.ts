/**
 * Which UIDs of a mailbox were expunged and when, for clients that come back (RFC 7162 section 3.2.5, QRESYNC). Kept for
 * at least EXPUNGED_KEPT_MS by the wall clock of the records, but at most EXPUNGED_RANGES_MAX ranges; what was forgotten
 * is known by its modseq, so that an answer is complete or there is none.
 */
import { firstNot } from '../../lib/ascending.ts';
import type { ExpungedRange } from './changes.ts';
import { resized } from './grow.ts';
import { EXPUNGED_KEPT_MS, EXPUNGED_RANGES_MAX } from './limits.ts';
import type { UidRanges } from './ranges.ts';

const CAPACITY_MIN = 4;

export interface ExpungedArrays {
  readonly modseq: Float64Array<ArrayBuffer>;
  readonly wallMs: Float64Array<ArrayBuffer>;
  readonly first: Uint32Array<ArrayBuffer>;
  readonly last: Uint32Array<ArrayBuffer>;
}

export class ExpungedLog {
  #modseq = new Float64Array(0);
  #wallMs = new Float64Array(0);
  #first = new Uint32Array(0);
  #last = new Uint32Array(0);
  #start = 0;
  #end = 0;
  #forgotten = 0;

  /** Ranges remembered. */
  get count(): number {
    return this.#end - this.#start;
  }

  /** The largest modseq of an expunge that is no longer known; 0 when all are. */
  get forgotten(): number {
    return this.#forgotten;
  }

  add(modseq: number, wallMs: number, ranges: UidRanges): void {
    for (const [first, last] of ranges) {
      if (this.#end === this.#modseq.length) this.#makeRoom();
      this.#modseq[this.#end] = modseq;
      this.#wallMs[this.#end] = wallMs;
      this.#first[this.#end] = first;
      this.#last[this.#end] = last;
      this.#end++;
    }
    while (this.#start < this.#end && this.#mayForget(wallMs)) {
      this.#forgotten = this.#modseq[this.#start] as number;
      this.#start++;
    }
  }

  /** Copies of the columns; see snapshot.ts. */
  copy(): ExpungedArrays {
    return {
      modseq: this.#modseq.slice(this.#start, this.#end),
      wallMs: this.#wallMs.slice(this.#start, this.#end),
      first: this.#first.slice(this.#start, this.#end),
      last: this.#last.slice(this.#start, this.#end),
    };
  }

  /** Takes these arrays, of equal length, in place of all that is known. */
  adopt(arrays: ExpungedArrays, forgotten: number): void {
    this.#modseq = arrays.modseq;
    this.#wallMs = arrays.wallMs;
    this.#first = arrays.first;
    this.#last = arrays.last;
    this.#start = 0;
    this.#end = arrays.first.length;
    this.#forgotten = forgotten;
  }

  /** All that is known, in the order it went. */
  entries(): readonly ExpungedRange[] {
    const entries: ExpungedRange[] = [];
    for (let index = this.#start; index < this.#end; index++)
      entries.push({
        modseq: this.#modseq[index] as number,
        wallMs: this.#wallMs[index] as number,
        first: this.#first[index] as number,
        last: this.#last[index] as number,
      });
    return entries;
  }

  /** Knows exactly this from now on. */
  state(forgotten: number, ranges: readonly ExpungedRange[]): void {
    this.adopt(
      {
        modseq: Float64Array.from(ranges, (range) => range.modseq),
        wallMs: Float64Array.from(ranges, (range) => range.wallMs),
        first: Uint32Array.from(ranges, (range) => range.first),
        last: Uint32Array.from(ranges, (range) => range.last),
      },
      forgotten,
    );
  }

  /** All messages went at once, with the mailbox: nobody is told which, so nobody may rely on it. */
  forgetAll(modseq: number): void {
    this.#start = this.#end;
    this.#forgotten = modseq;
  }

  /** Ranges expunged with a larger modseq, in the order they went; undefined when some of them are forgotten. */
  since(modseq: number): UidRanges | undefined {
    if (modseq < this.#forgotten) return undefined;
    const from = firstNot(this.#start, this.#end, (index) => (this.#modseq[index] as number) <= modseq);
    const ranges: (readonly [number, number])[] = [];
    for (let index = from; index < this.#end; index++)
      ranges.push([this.#first[index] as number, this.#last[index] as number]);
    return ranges;
  }

  #mayForget(wallMs: number): boolean {
    return (
      this.count > EXPUNGED_RANGES_MAX || (this.#wallMs[this.#start] as number) < wallMs - EXPUNGED_KEPT_MS
    );
  }

  /** Moves what is left to the front, into larger arrays when they are more than half full. */
  #makeRoom(): void {
    const capacity = this.#modseq.length;
    const wanted = this.count * 2 > capacity ? capacity * 2 : capacity;
    const room = Math.max(CAPACITY_MIN, wanted);
    this.#modseq = resized(this.#modseq, room, this.#start, this.#end);
    this.#wallMs = resized(this.#wallMs, room, this.#start, this.#end);
    this.#first = resized(this.#first, room, this.#start, this.#end);
    this.#last = resized(this.#last, room, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }
}

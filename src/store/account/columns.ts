/**
 * The messages of a mailbox as columns: rows ascending by UID in typed arrays that grow by doubling, 32 octets a row.
 * The flags word is `keyword set * 256 + system bits`. No I/O and no meaning here: see mailbox-state.ts.
 */
import { firstNot } from '../../lib/ascending.ts';
import { resized } from './grow.ts';
import type { UidRanges } from './ranges.ts';

const CAPACITY_MIN = 8;
/** The flags word of a row is the number of its keyword set times this, plus its system bits. */
export const WORD_SETS = 256;

export interface Row {
  readonly uid: number;
  readonly modseq: number;
  readonly blob: number;
  readonly dateMs: number;
  readonly bits: number;
  /** Number of the keyword set (keywords.ts). */
  readonly keywords: number;
}

export interface ColumnArrays {
  readonly uid: Uint32Array<ArrayBuffer>;
  readonly word: Uint32Array<ArrayBuffer>;
  readonly modseq: Float64Array<ArrayBuffer>;
  readonly blob: Float64Array<ArrayBuffer>;
  readonly dateMs: Float64Array<ArrayBuffer>;
}

export class Columns {
  #uid = new Uint32Array(0);
  #word = new Uint32Array(0);
  #modseq = new Float64Array(0);
  #blob = new Float64Array(0);
  #dateMs = new Float64Array(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  uid(index: number): number {
    return this.#uid[this.#checked(index)] as number;
  }

  modseq(index: number): number {
    return this.#modseq[this.#checked(index)] as number;
  }

  blob(index: number): number {
    return this.#blob[this.#checked(index)] as number;
  }

  dateMs(index: number): number {
    return this.#dateMs[this.#checked(index)] as number;
  }

  bits(index: number): number {
    return (this.#word[this.#checked(index)] as number) % WORD_SETS;
  }

  keywords(index: number): number {
    return Math.floor((this.#word[this.#checked(index)] as number) / WORD_SETS);
  }

  /** Bits and keyword set as one number: equal for messages with equal flags. */
  word(index: number): number {
    return this.#word[this.#checked(index)] as number;
  }

  /** A copy of the UIDs of rows [from, to). */
  uids(from: number, to: number): Uint32Array<ArrayBuffer> {
    return this.#uid.slice(from, Math.min(to, this.#count));
  }

  /** Index of the first row that lacks this system flag, or -1. */
  firstWithout(bit: number): number {
    for (let index = 0; index < this.#count; index++)
      if ((((this.#word[index] as number) % WORD_SETS) & bit) === 0) return index;
    return -1;
  }

  /** UIDs of the rows with a larger modseq. */
  changedSince(modseq: number): readonly number[] {
    const uids: number[] = [];
    const modseqs = this.#modseq;
    for (let index = 0; index < this.#count; index++)
      if ((modseqs[index] as number) > modseq) uids.push(this.#uid[index] as number);
    return uids;
  }

  /** Index of the first row with a UID at or above this one; `count` when there is none. */
  lowerBound(uid: number): number {
    const uids = this.#uid;
    return firstNot(0, this.#count, (index) => (uids[index] as number) < uid);
  }

  indexOf(uid: number): number {
    const index = this.lowerBound(uid);
    return index < this.#count && this.#uid[index] === uid ? index : -1;
  }

  /** Index pairs [from, to) of the rows in the ranges, ascending. */
  *spans(ranges: UidRanges): Generator<readonly [from: number, to: number]> {
    for (const [first, last] of ranges) {
      const from = this.lowerBound(first);
      const to = this.lowerBound(last + 1);
      if (from < to) yield [from, to];
    }
  }

  /** The UID must be above all that are here. */
  push(row: Row): void {
    if (this.#count === this.#uid.length) this.#resize(Math.max(CAPACITY_MIN, this.#count * 2));
    this.#set(this.#count++, row);
  }

  #set(index: number, row: Row): void {
    this.#uid[index] = row.uid;
    this.#modseq[index] = row.modseq;
    this.#blob[index] = row.blob;
    this.#dateMs[index] = row.dateMs;
    this.#word[index] = row.keywords * WORD_SETS + row.bits;
  }

  setFlags(index: number, bits: number, keywords: number, modseq: number): void {
    this.#word[this.#checked(index)] = keywords * WORD_SETS + bits;
    this.#modseq[index] = modseq;
  }

  /** Removes rows [from, to) of each span, in one pass; spans ascend and do not overlap. */
  remove(spans: readonly (readonly [from: number, to: number])[]): void {
    let write = spans[0]?.[0] ?? this.#count;
    for (const [position, [, to]] of spans.entries()) {
      const next = spans[position + 1]?.[0] ?? this.#count;
      for (const column of this.#columns()) column.copyWithin(write, to, next);
      write += next - to;
    }
    this.#count = write;
    // A quarter full: half the room is enough and leaves some, so that no sequence resizes at every step.
    if (this.#uid.length > CAPACITY_MIN && this.#count < this.#uid.length / 4)
      this.#resize(Math.max(CAPACITY_MIN, this.#uid.length / 2));
  }

  /** Puts rows in place of the rows [from, to); the caller keeps UIDs ascending. */
  splice(from: number, to: number, rows: readonly Row[]): void {
    const count = this.#count + rows.length - (to - from);
    if (count > this.#uid.length) this.#resize(Math.max(CAPACITY_MIN, this.#uid.length * 2, count));
    if (rows.length !== to - from)
      for (const column of this.#columns()) column.copyWithin(from + rows.length, to, this.#count);
    this.#count = count;
    for (const [position, row] of rows.entries()) this.#set(from + position, row);
  }

  /** Rows behind all that are here; `word` of a row is `keywords * 256 + bits`. */
  append(arrays: ColumnArrays): void {
    const count = this.#count + arrays.uid.length;
    if (count > this.#uid.length) this.#resize(Math.max(CAPACITY_MIN, count));
    this.#uid.set(arrays.uid, this.#count);
    this.#word.set(arrays.word, this.#count);
    this.#modseq.set(arrays.modseq, this.#count);
    this.#blob.set(arrays.blob, this.#count);
    this.#dateMs.set(arrays.dateMs, this.#count);
    this.#count = count;
  }

  /** Copies of the columns of all rows, by name; see snapshot.ts. */
  copy(): ColumnArrays {
    return {
      uid: this.#uid.slice(0, this.#count),
      word: this.#word.slice(0, this.#count),
      modseq: this.#modseq.slice(0, this.#count),
      blob: this.#blob.slice(0, this.#count),
      dateMs: this.#dateMs.slice(0, this.#count),
    };
  }

  /** Removes all rows; gives their blobs. */
  clear(): Float64Array<ArrayBuffer> {
    const blobs = this.#blob.slice(0, this.#count);
    this.adopt({
      uid: new Uint32Array(0),
      word: new Uint32Array(0),
      modseq: new Float64Array(0),
      blob: new Float64Array(0),
      dateMs: new Float64Array(0),
    });
    return blobs;
  }

  /** Takes these arrays, of equal length, in place of all rows. */
  adopt(arrays: ColumnArrays): void {
    this.#uid = arrays.uid;
    this.#word = arrays.word;
    this.#modseq = arrays.modseq;
    this.#blob = arrays.blob;
    this.#dateMs = arrays.dateMs;
    this.#count = arrays.uid.length;
  }

  #columns(): readonly (Uint32Array | Float64Array)[] {
    return [this.#uid, this.#word, this.#modseq, this.#blob, this.#dateMs];
  }

  #resize(capacity: number): void {
    this.#uid = resized(this.#uid, capacity, 0, this.#count);
    this.#word = resized(this.#word, capacity, 0, this.#count);
    this.#modseq = resized(this.#modseq, capacity, 0, this.#count);
    this.#blob = resized(this.#blob, capacity, 0, this.#count);
    this.#dateMs = resized(this.#dateMs, capacity, 0, this.#count);
  }

  #checked(index: number): number {
    if (!(index >= 0 && index < this.#count)) throw new RangeError(`no row ${index} of ${this.#count}`);
    return index;
  }
}

/**
 * Sets of UIDs as ascending ranges: in records, in results, and for finding rows. A set of a hundred thousand
 * neighbours costs two numbers, and a broken record cannot make us expand what it claims.
 */
import { firstNot } from '../../lib/ascending.ts';
import { DecodeError, type Decoder, type Encoder } from '../../lib/encoder.ts';
import type { Columns } from './columns.ts';
import { UID_MAX } from './limits.ts';
import type { Uid } from './types.ts';

export type UidRange = readonly [first: number, last: number];
/** Ascending, without overlap; neighbours are joined. */
export type UidRanges = readonly UidRange[];

/** Ranges of ascending UIDs, given one by one or range by range. */
export class RangeBuilder {
  readonly #ranges: [number, number][] = [];

  add(uid: number): void {
    this.addRange(uid, uid);
  }

  addRange(first: number, last: number): void {
    const latest = this.#ranges.at(-1);
    if (latest !== undefined && first === latest[1] + 1) latest[1] = last;
    else this.#ranges.push([first, last]);
  }

  addAll(ranges: UidRanges): void {
    for (const [first, last] of ranges) this.addRange(first, last);
  }

  get ranges(): UidRanges {
    return this.#ranges;
  }
}

/** Ranges of UIDs in any order, with repetitions. */
export function rangesOf(uids: readonly Uid[]): UidRanges {
  const builder = new RangeBuilder();
  let previous = -1;
  for (const uid of ascending(uids)) {
    if (uid !== previous) builder.add(uid);
    previous = uid;
  }
  return builder.ranges;
}

/** Every UID of the ranges, ascending. Only for ranges that were made from UIDs that existed. */
export function uidsOf(ranges: UidRanges): Uid[] {
  const uids: Uid[] = [];
  for (const [first, last] of ranges) for (let uid = first; uid <= last; uid++) uids.push(uid as Uid);
  return uids;
}

/** How many UIDs there are in the ranges. */
export function countOf(ranges: UidRanges): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** Whether a UID is in the ranges. */
export function holdsUid(ranges: UidRanges, uid: number): boolean {
  const index = firstNot(0, ranges.length, (at) => (ranges[at] as UidRange)[1] < uid);
  const range = ranges[index];
  return range !== undefined && range[0] <= uid;
}

/** The UIDs of some ranges that are not in others, range by range. */
export function* without(ranges: Iterable<UidRange>, others: UidRanges): Generator<UidRange> {
  let at = 0;
  for (const [first, last] of ranges) {
    let from = first;
    at = firstNot(at, others.length, (index) => (others[index] as UidRange)[1] < first);
    for (; from <= last; at++) {
      const other = others[at];
      if (other === undefined || other[0] > last) break;
      if (from < other[0]) yield [from, other[0] - 1];
      from = Math.max(from, other[1] + 1);
      // It may reach into the next of ours.
      if (other[1] > last) break;
    }
    if (from <= last) yield [from, last];
  }
}

export function encodeRanges(encoder: Encoder, ranges: UidRanges): void {
  let previous = 0;
  encoder.list(ranges, ([first, last]) => {
    encoder.uint(first - previous).uint(last - first);
    previous = last;
  });
}

export function decodeRanges(decoder: Decoder): UidRanges {
  const count = decoder.uint();
  const ranges: UidRange[] = [];
  // One by one, as there may be millions: a count that is a lie costs no more than the octets that are there.
  for (let previous = 0; ranges.length < count; ) {
    const gap = decoder.uint();
    const first = previous + gap;
    const last = first + decoder.uint();
    if (gap === 0 || last > UID_MAX) throw new DecodeError('not an ascending set of UIDs');
    ranges.push([first, last]);
    previous = last;
  }
  return ranges;
}

/** What is no UID at all is left out, as a UID that no longer exists would be. */
function ascending(uids: readonly Uid[]): Iterable<number> {
  const whole = uids.filter((uid) => Number.isInteger(uid) && uid >= 1 && uid <= UID_MAX);
  return Uint32Array.from(whole).sort();
}

/** Walks ranges a part at a time, where the rows may change between two parts. */
export class UidCursor {
  readonly #ranges: UidRanges;
  #index = 0;
  /** Every UID below this one was given. */
  #from = 0;

  constructor(ranges: UidRanges) {
    this.#ranges = ranges;
  }

  /** Nothing is left to be looked at. */
  get isAtEnd(): boolean {
    return this.#index === this.#ranges.length;
  }

  /** The rows of the next UIDs, at most `count` of them, in at most `count` ranges: there may be none in so many. */
  next(rows: Columns, count: number): (readonly [from: number, to: number])[] {
    const spans: (readonly [number, number])[] = [];
    const indexMax = Math.min(this.#ranges.length, this.#index + count);
    let left = count;
    while (left > 0 && this.#index < indexMax) {
      const [first, last] = this.#ranges[this.#index] as UidRange;
      const from = rows.lowerBound(Math.max(first, this.#from));
      const end = rows.lowerBound(last + 1);
      const to = Math.min(end, from + left);
      if (from < to) spans.push([from, to]);
      left -= to - from;
      if (to < end) this.#from = rows.uid(to);
      else this.#index++;
    }
    return spans;
  }
}

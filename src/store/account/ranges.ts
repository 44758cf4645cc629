/**
 * Sets of UIDs as ascending ranges: in records, in results, and for finding rows. A set of a hundred thousand
 * neighbours costs two numbers, and a broken record cannot make us expand what it claims.
 */
import { DecodeError, type Decoder, type Encoder } from '../../lib/encoder.ts';
import type { Columns } from './columns.ts';
import { UID_MAX } from './limits.ts';
import type { Uid } from './types.ts';

export type UidRange = readonly [first: number, last: number];
/** Ascending, without overlap; neighbours are joined. */
export type UidRanges = readonly UidRange[];

/** Ranges of ascending UIDs, given one by one. */
export class RangeBuilder {
  readonly #ranges: [number, number][] = [];

  add(uid: number): void {
    const last = this.#ranges.at(-1);
    if (last !== undefined && uid === last[1] + 1) last[1] = uid;
    else this.#ranges.push([uid, uid]);
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

export function encodeRanges(encoder: Encoder, ranges: UidRanges): void {
  let previous = 0;
  encoder.list(ranges, ([first, last]) => {
    encoder.uint(first - previous).uint(last - first);
    previous = last;
  });
}

export function decodeRanges(decoder: Decoder): UidRanges {
  let previous = 0;
  return decoder.list(() => {
    const gap = decoder.uint();
    const first = previous + gap;
    const last = first + decoder.uint();
    if (gap === 0 || last > UID_MAX) throw new DecodeError('not an ascending set of UIDs');
    previous = last;
    return [first, last] as const;
  });
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

  /** The rows of the next UIDs, at most `count` of them; none at the end. */
  next(rows: Columns, count: number): (readonly [from: number, to: number])[] {
    const spans: (readonly [number, number])[] = [];
    let left = count;
    while (left > 0 && this.#index < this.#ranges.length) {
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

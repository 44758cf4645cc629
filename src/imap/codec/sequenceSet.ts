/** Sequence sets against the numbers that exist, and lists of numbers as sets (RFC 9051 section 9, sequence-set). */
import type { SequenceRange } from './types.ts';
import { STAR } from './types.ts';

/** Sorted, disjoint, not adjacent, `*` replaced: the form in which membership is a binary search. */
export type NormalRanges = readonly SequenceRange[];

/**
 * Replaces `*` by the largest number in use and merges. With nothing in use (`largest` 0) `*` is no number at all; a
 * range `n:*` with n above the largest still holds the largest (RFC 9051 section 9: "*:4" is "4:*").
 */
export function normalRanges(ranges: readonly SequenceRange[], largest: number): NormalRanges {
  const fixed: SequenceRange[] = [];
  for (const range of ranges) {
    if (range.to !== STAR) fixed.push(range);
    else if (largest > 0)
      fixed.push({
        from: Math.min(range.from, largest),
        to: Math.max(range.from === STAR ? 0 : range.from, largest),
      });
  }
  fixed.sort((a, b) => a.from - b.from);
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of fixed) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

export function holds(ranges: NormalRanges, value: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle]!;
    if (value < range.from) high = middle - 1;
    else if (value > range.to) low = middle + 1;
    else return true;
  }
  return false;
}

/** `2,4:7,9`: ascending numbers as a sequence set, runs as ranges. Empty for no numbers, which no grammar rule allows. */
export function formatNumbers(ascending: Iterable<number>): string {
  return formatRanges(runs(ascending));
}

/** The same of ascending ranges that do not touch. */
export function formatRanges(ranges: Iterable<readonly [first: number, last: number]>): string {
  const parts: string[] = [];
  for (const [first, last] of ranges) parts.push(first === last ? String(first) : `${first}:${last}`);
  return parts.join(',');
}

function* runs(ascending: Iterable<number>): Generator<readonly [first: number, last: number]> {
  let [first, last] = [0, 0];
  for (const value of ascending) {
    if (first > 0 && value === last + 1) {
      last = value;
      continue;
    }
    if (first > 0) yield [first, last];
    [first, last] = [value, value];
  }
  if (first > 0) yield [first, last];
}

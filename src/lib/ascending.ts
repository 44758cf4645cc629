/** Search in what is in ascending order. */

/** The first index from `from` on, below `to`, for which `isBelow` is false; it is true for all before. `to` when there is none. */
export function firstNot(from: number, to: number, isBelow: (index: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBelow(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

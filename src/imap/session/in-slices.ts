/** Walks over any number of messages that do not hold the event loop. */
import type { Slices } from '../../platform/slices.ts';

/** Messages between two looks at the clock. */
export const STRIDE = 1024;

/** Those that are wanted, with rests between them. */
export async function inSlices<T>(
  all: Iterable<T>,
  slices: Slices,
  wanted: (one: T) => boolean,
): Promise<T[]> {
  const found: T[] = [];
  let looked = 0;
  for (const one of all) {
    if (++looked % STRIDE === 0 && slices.due) await slices.rest();
    if (wanted(one)) found.push(one);
  }
  return found;
}

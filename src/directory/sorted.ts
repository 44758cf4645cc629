/** Sorts many names without holding the event loop (docs/architecture.md, invariant 8). */
import type { Clock } from '../platform/platform.ts';

/** Names sorted or merged in one turn: a few milliseconds. */
const NAMES_A_TURN = 5000;

/** In the order of `Array.prototype.sort`. */
export async function sortedInTurns(
  names: Iterable<string>,
  clock: Pick<Clock, 'sleep'>,
): Promise<readonly string[]> {
  let runs: (readonly string[])[] = [];
  const all = [...names];
  for (let from = 0; from < all.length; from += NAMES_A_TURN) {
    if (from > 0) await clock.sleep(0);
    runs.push(all.slice(from, from + NAMES_A_TURN).sort());
  }
  while (runs.length > 1) {
    const merged: (readonly string[])[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const [one, other] = [runs[i]!, runs[i + 1]];
      merged.push(other === undefined ? one : await merge(one, other, clock));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(
  one: readonly string[],
  other: readonly string[],
  clock: Pick<Clock, 'sleep'>,
): Promise<readonly string[]> {
  const merged: string[] = [];
  for (let i = 0, j = 0; i < one.length || j < other.length; ) {
    if (merged.length % NAMES_A_TURN === 0) await clock.sleep(0);
    const takesOne = j === other.length || (i < one.length && one[i]! <= other[j]!);
    merged.push(takesOne ? one[i++]! : other[j++]!);
  }
  return merged;
}

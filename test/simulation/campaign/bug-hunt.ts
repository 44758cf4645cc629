/** Looks for a planted bug: by the seeds that are known to find it, then by one after another from the first on. */
import type { Bug } from '../bugs/bug.ts';
import type { StormResult } from '../mail/storm.ts';
import { runSeeds } from './crew.ts';

export const SEEDS_MAX = 500;

export interface Hunt {
  readonly bug: Bug;
  /** Undefined: no seed found it. */
  readonly seed: number | undefined;
  readonly what: string;
  readonly seeds: number;
}

export async function hunt(
  bug: Bug,
  options: { readonly jobs: number; readonly seedsMax?: number; readonly first?: number },
): Promise<Hunt> {
  const { jobs, seedsMax = SEEDS_MAX, first = 1 } = options;
  const known = first === 1 ? bug.known.slice(0, seedsMax) : [];
  const others = Array.from({ length: seedsMax - known.length }, (_, i) => first + i);
  let seeds = 0;
  // Known seeds first, so many at a time as there are threads: more would only be thrown away.
  const all = [...known, ...others.filter((seed) => !known.includes(seed))];
  for await (const result of runSeeds(all, { jobs, bug: bug.name })) {
    seeds++;
    const what = foundBy(bug, result);
    if (what !== undefined) return { bug, seed: result.seed, what, seeds };
  }
  return { bug, seed: undefined, what: '', seeds };
}

/** What a seed says that shows the bug; undefined when it shows nothing, or something else. */
export function foundBy(bug: Bug, { broken }: StormResult): string | undefined {
  return broken.find((what) => bug.finds.test(what))?.split('\n')[0];
}

/** Adds up what many seeds did, so that one can see that they did anything. */
import { FAULT_KINDS, type FaultKind } from '../faults.ts';
import type { StormResult } from '../mail/storm.ts';

/** `stale-list` comes with a coarse clock of the server, with which StorageFence is reported as not available. */
const ELSEWHERE: ReadonlySet<FaultKind> = new Set<FaultKind>(['stale-list']);
export const KINDS: readonly FaultKind[] = (Object.keys(FAULT_KINDS) as FaultKind[]).filter(
  (kind) => !ELSEWHERE.has(kind),
);

const NOTHING = {
  steps: 0,
  harms: 0,
  takeOvers: 0,
  acknowledged: 0,
  checked: 0,
  looks: 0,
  commits: 0,
  undecided: 0,
};
const SUMMED = Object.keys(NOTHING) as (keyof typeof NOTHING)[];

export class Summary {
  readonly brokenSeeds: number[] = [];
  readonly faults = new Map<FaultKind, number>(KINDS.map((kind) => [kind, 0]));
  seeds = 0;
  readonly #sums = { ...NOTHING };

  add(result: StormResult): void {
    this.seeds++;
    if (result.broken.length > 0) this.brokenSeeds.push(result.seed);
    for (const kind of KINDS)
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + (result.faults[kind] ?? 0));
    for (const key of SUMMED) this.#sums[key] += result[key];
  }

  get acknowledged(): number {
    return this.#sums.acknowledged;
  }

  get takeOvers(): number {
    return this.#sums.takeOvers;
  }

  report() {
    const { seeds, brokenSeeds } = this;
    return { seeds, brokenSeeds, ...this.#sums, faults: Object.fromEntries(this.faults) };
  }
}

/** The load of a worker as `/status.json` says it. Pure. */
import { wholeLoad } from '../cluster/leases/hot-slots.ts';
import type { WorkerLoad } from '../cluster/types.ts';

/** What a worker had to do lately. */
export interface LoadReport {
  readonly weight: number;
  /** Share of a processor that it used in the last second. */
  readonly processor: number;
  readonly operationsPerSecond: number;
  /** Its busiest slots, the busiest first. */
  readonly hottest: readonly { readonly slot: number; readonly operationsPerSecond: number }[];
  /** The slot that is the whole load of a hot worker: it is not moved, as that would move the trouble. */
  readonly wholeLoad: number | null;
}

/** Slots that are shown of each worker. */
const HOTTEST_SHOWN = 3;

/** Null for a worker of a version that does not tell it. */
export function loadReport(load: WorkerLoad | undefined): LoadReport | null {
  if (load === undefined) return null;
  const { weight, processor, operations, hottest } = load;
  return {
    weight,
    processor: Math.round(processor * 1000) / 1000,
    operationsPerSecond: Math.round(operations),
    hottest: hottest
      .slice(0, HOTTEST_SHOWN)
      .map((each) => ({ slot: each.slot, operationsPerSecond: Math.round(each.operations) })),
    wholeLoad: wholeLoad(load) ?? null,
  };
}

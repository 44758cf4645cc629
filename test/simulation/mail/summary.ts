/** Adds up what many seeds did, so that one can see that they did anything. */
import type { FaultKind } from '../faults.ts';
import type { StormResult } from './storm.ts';

/**
 * Kinds of faults that a mail run has. Not among them: `name-lost` (a local disk's), `stale-list` (a coarse clock of the
 * server, with which StorageFence is reported as not available) and `delegation-wait` (nothing is removed in a short run).
 */
export const FAULT_KINDS: readonly FaultKind[] = [
  'kill-connection',
  'split-read',
  'connection-timeout',
  'slow-call',
  'lost-reply',
  'io-error',
  'no-space',
  'split-write',
  'late-call',
  'torn-write',
  'call-lost',
  'stale-missing',
  'stale-read',
  'process-crash',
  'process-pause',
  'machine-crash',
  'machine-pause',
  'network-cut',
  'storage-cut',
  'storage-stop',
];

export class Summary {
  readonly brokenSeeds: number[] = [];
  readonly faults = new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]));
  seeds = 0;
  steps = 0;
  harms = 0;
  takeOvers = 0;
  acknowledged = 0;
  checked = 0;
  commits = 0;

  add(result: StormResult): void {
    this.seeds++;
    if (result.broken.length > 0) this.brokenSeeds.push(result.seed);
    for (const kind of FAULT_KINDS)
      this.faults.set(kind, (this.faults.get(kind) ?? 0) + result.world.counters.of(kind));
    this.steps += result.steps;
    this.harms += result.harms;
    this.takeOvers += result.takeOvers;
    this.acknowledged += result.acknowledged;
    this.checked += result.checked;
    this.commits += result.commits;
  }

  report(): Readonly<Record<string, unknown>> {
    const { seeds, steps, harms, takeOvers, acknowledged, checked, commits, brokenSeeds } = this;
    const faults = Object.fromEntries(this.faults);
    return { seeds, brokenSeeds, steps, faults, harms, takeOvers, acknowledged, commits, checked };
  }
}

/** Times of the coordination (docs/architecture.md, section 3, Times), their defaults, and the margin for clock rates. */
import type { ClusterTimes } from './types.ts';

/** "A member that has heard no controller for 3 s is not ready." */
const UNHEARD_MS = 3000;

export const DEFAULT_TIMES: ClusterTimes = {
  heartbeatMs: 150,
  controlLeaseMs: 750,
  slotLeaseMs: 2000,
  clockMargin: 0.12,
  unheardMs: UNHEARD_MS,
  probeEveryMs: 500,
  movesPerSecond: 400,
  movesAtOnce: 16,
  rebalanceAfterMs: 1000,
};

/** A controller that died is replaced in three of its leases at most, and its members are not to be unready meanwhile. */
const UNHEARD_CONTROL_LEASES = 4;

/** `unheardMs` where nothing else is said: longer only where control itself takes longer. */
export function unheardMsFor(controlLeaseMs: number): number {
  return Math.max(UNHEARD_MS, UNHEARD_CONTROL_LEASES * controlLeaseMs);
}

/** The times of a process: the defaults, what is set, and what follows from it. */
export function timesFrom(set: Partial<ClusterTimes> = {}): ClusterTimes {
  const times = { ...DEFAULT_TIMES, ...set };
  return { ...times, unheardMs: set.unheardMs ?? unheardMsFor(times.controlLeaseMs) };
}

/** How long another machine's clock may take, by ours, to show that `ms` have passed. */
export function withMargin(ms: number, times: Pick<ClusterTimes, 'clockMargin'>): number {
  return ms * (1 + times.clockMargin);
}

/** Times of the coordination (docs/architecture.md, section 3, Times), their defaults, and the margin for clock rates. */
import type { ClusterTimes } from './types.ts';

export const DEFAULT_TIMES: ClusterTimes = {
  heartbeatMs: 150,
  controlLeaseMs: 750,
  slotLeaseMs: 2000,
  clockMargin: 0.12,
  unheardMs: 3000,
  probeEveryMs: 500,
  movesPerSecond: 400,
  movesAtOnce: 16,
  rebalanceAfterMs: 1000,
};

/** How long another machine's clock may take, by ours, to show that `ms` have passed. */
export function withMargin(ms: number, times: Pick<ClusterTimes, 'clockMargin'>): number {
  return ms * (1 + times.clockMargin);
}

/** The cluster's times out of the settings. */
import type { ClusterTimes } from '../cluster/types.ts';
import type { Settings } from '../settings/settings.ts';

export function timesOf(settings: Settings): Partial<ClusterTimes> {
  return {
    heartbeatMs: settings.Heartbeat,
    controlLeaseMs: settings.ControlLease,
    slotLeaseMs: settings.SlotLease,
    clockMargin: settings.ClockMargin / 100,
    movesPerSecond: settings.MovesPerSecond,
  };
}

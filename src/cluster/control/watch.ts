/**
 * What a backup knows of the controller from the storage: the largest control epoch listed, the last value of its
 * counter, and when this backup *first* saw that value. Pure; fed with reads that have returned.
 *
 * Only the largest epoch needs reading. Every authority of a smaller epoch rests on a heartbeat whose listing did not
 * show the larger file, so it was noted before that file was created, which is before we first saw the file.
 */
import { unheardMsFor, withMargin } from '../times.ts';
import type { ClusterTimes } from '../types.ts';
import { decodeHeartbeat, type Heartbeat, type LeaseTimes } from './heartbeat-file.ts';

/** One look at the storage: a listing and, by a fresh open, the octets of the largest file other than our own. */
export interface Look {
  /** Our clock before the first call of this look, and after the last had returned. */
  readonly startedAt: number;
  readonly returnedAt: number;
  /** Ascending. */
  readonly epochs: readonly number[];
  /** Undefined when there is no file but our own. */
  readonly predecessor: { readonly controlEpoch: number; readonly octets: Buffer } | undefined;
  /** Where that file holds no whole heartbeat: the times stated by the newest one before it that does. */
  readonly timesBefore?: LeaseTimes;
}

export interface Seen {
  readonly predecessorEpoch: number | undefined;
  readonly octets: Buffer;
  readonly heartbeat: Heartbeat | undefined;
  /** When a look first returned this value. */
  readonly firstSeenAt: number;
  /** When the newest look that returned this value was started. */
  readonly lookStartedAt: number;
  /** The largest epoch listed by the newest look, our own included; 0 when there is none. */
  readonly largestEpoch: number;
  /** What the controllers before us last stated of their times; they may have had other settings than we have. */
  readonly times: LeaseTimes | undefined;
}

/** Looks are never under way at the same time, so each one starts after the one before had returned. */
export function see(before: Seen | undefined, look: Look): Seen {
  const octets = look.predecessor?.octets ?? Buffer.alloc(0);
  const predecessorEpoch = look.predecessor?.controlEpoch;
  const same =
    before !== undefined && before.predecessorEpoch === predecessorEpoch && before.octets.equals(octets);
  const heartbeat = same ? before.heartbeat : decodeHeartbeat(octets);
  return {
    predecessorEpoch,
    octets,
    heartbeat,
    times: heartbeat?.times ?? look.timesBefore ?? before?.times,
    firstSeenAt: same ? before.firstSeenAt : look.returnedAt,
    lookStartedAt: look.startedAt,
    largestEpoch: look.epochs.at(-1) ?? 0,
  };
}

/** What to wait by for a predecessor: the longer of its times and ours. */
export function longerTimes(own: ClusterTimes, stated: LeaseTimes | undefined): ClusterTimes {
  if (stated === undefined) return own;
  return {
    ...own,
    controlLeaseMs: Math.max(own.controlLeaseMs, stated.controlLeaseMs),
    slotLeaseMs: Math.max(own.slotLeaseMs, stated.slotLeaseMs),
    clockMargin: Math.max(own.clockMargin, stated.clockMargin),
    unheardMs: Math.max(own.unheardMs, unheardMsFor(stated.controlLeaseMs)),
  };
}

/**
 * Until when members may be ready by the predecessor's word. Its last answers were given while it had authority, so not
 * later than a ControlLease after the heartbeat seen, to messages sent before; its members go by its times, orderly end or
 * not. A first start's `ended` has none: nobody was there.
 */
export function readyUntil(seen: Seen, own: ClusterTimes): number {
  const { predecessorEpoch, heartbeat, times: stated, firstSeenAt } = seen;
  if (predecessorEpoch === undefined) return -Infinity;
  if (heartbeat?.state === 'ended' && heartbeat.times === undefined) return -Infinity;
  const times = longerTimes(own, stated);
  return firstSeenAt + withMargin(times.controlLeaseMs + times.unheardMs, times);
}

/** True when nobody can have authority or leases by what is on the storage: no file ever, or an orderly end. */
export function nobodyBefore(seen: Seen): boolean {
  return seen.predecessorEpoch === undefined || seen.heartbeat?.state === 'ended';
}

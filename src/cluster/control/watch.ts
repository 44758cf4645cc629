/**
 * What a backup knows of the controller from the storage: the largest control epoch listed, the last value of its
 * counter, and when this backup *first* saw that value. Pure; fed with reads that have returned.
 *
 * Only the largest epoch needs reading. Every authority of a smaller epoch rests on a heartbeat whose listing did not
 * show the larger file, so it was noted before that file was created, which is before we first saw the file.
 */
import { decodeHeartbeat, type Heartbeat } from './heartbeat-file.ts';

/** One look at the storage: a listing and, by a fresh open, the octets of the largest file other than our own. */
export interface Look {
  /** Our clock before the first call of this look, and after the last had returned. */
  readonly startedAt: number;
  readonly returnedAt: number;
  /** Ascending. */
  readonly epochs: readonly number[];
  /** Undefined when there is no file but our own. */
  readonly predecessor: { readonly controlEpoch: number; readonly octets: Buffer } | undefined;
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
}

/** Looks are never under way at the same time, so each one starts after the one before had returned. */
export function see(before: Seen | undefined, look: Look): Seen {
  const octets = look.predecessor?.octets ?? Buffer.alloc(0);
  const predecessorEpoch = look.predecessor?.controlEpoch;
  const same =
    before !== undefined && before.predecessorEpoch === predecessorEpoch && before.octets.equals(octets);
  return {
    predecessorEpoch,
    octets,
    heartbeat: same ? before.heartbeat : decodeHeartbeat(octets),
    firstSeenAt: same ? before.firstSeenAt : look.returnedAt,
    lookStartedAt: look.startedAt,
    largestEpoch: look.epochs.at(-1) ?? 0,
  };
}

/** True when nobody can have authority or leases by what is on the storage: no file ever, or an orderly end. */
export function nobodyBefore(seen: Seen): boolean {
  return seen.predecessorEpoch === undefined || seen.heartbeat?.state === 'ended';
}

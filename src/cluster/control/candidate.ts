/**
 * How a backup controller comes to control, as a pure state machine: inputs in, effects out (docs/architecture.md,
 * section 3, Control). The driver performs the effects and feeds what became of them back as inputs.
 *
 * watching ── quiet, same counter ──► polling ── nobody heard ──► creating ── created ──► waiting ── time ──► acting
 *     ▲            heard by somebody ────┘          lost, larger listed ──┘                  │                  │
 *     └────────────────────────────────── a larger epoch is listed or heard ◄────────────────┴──────────────────┘
 *
 * A failed or unanswered storage call never moves it forward: without looks that returned nobody stands.
 *
 * Two candidates must not outbid each other for ever. One whose poll is under way when another's file appears goes back
 * to watching instead of creating a larger one; and a file without a heartbeat is given as long as its candidate may have
 * to wait before it acts. (Seen with real processes: three control epochs and 1.3 s more for one death.)
 */
import { withMargin } from '../times.ts';
import type { ClusterTimes } from '../types.ts';
import { CONTROL_EPOCH_MAX } from './heartbeat-file.ts';
import { type Look, longerTimes, nobodyBefore, type Seen, see } from './watch.ts';

export type Phase = 'watching' | 'polling' | 'creating' | 'waiting' | 'acting';

export type Input =
  | { readonly kind: 'tick'; readonly now: number; readonly rank: number }
  | { readonly kind: 'looked'; readonly look: Look }
  /** A statement with authority in it arrived. */
  | { readonly kind: 'heard'; readonly now: number; readonly controlEpoch: number }
  /** The members' answers to a poll: milliseconds since the one that heard a controller last; undefined: nobody has. */
  | {
      readonly kind: 'polled';
      readonly now: number;
      readonly poll: number;
      readonly heardAgoMs: number | undefined;
    }
  | { readonly kind: 'created'; readonly controlEpoch: number; readonly now: number }
  /** EEXIST, or the storage did not do it. */
  | { readonly kind: 'not-created'; readonly now: number }
  /** The acting controller's authority is over: a larger epoch is listed, or its file failed. */
  | { readonly kind: 'deposed'; readonly now: number }
  /** The minority rule: stand again no earlier than two ControlLeases from now. */
  | { readonly kind: 'gave-up'; readonly now: number }
  /** A file with an epoch was found that this controller never granted: a control epoch above it is needed. */
  | { readonly kind: 'larger-found'; readonly now: number; readonly controlEpoch: number };

export type Effect =
  /** Ask every member that can be reached when it heard the controller last. */
  | { readonly kind: 'poll'; readonly poll: number }
  | { readonly kind: 'create'; readonly controlEpoch: number }
  /** Ask every worker for its running leases, again and again until it acts or abandons. */
  | { readonly kind: 'collect'; readonly controlEpoch: number }
  /** Beat the first heartbeat in the own file; authority comes from nothing else. */
  | { readonly kind: 'act'; readonly controlEpoch: number; readonly predecessor: Seen }
  /** The own file, if any, is of no more use. */
  | { readonly kind: 'abandon' };

export interface Candidate {
  readonly phase: Phase;
  readonly seen: Seen | undefined;
  readonly heardAt: number;
  /** Does not stand before this time. */
  readonly notBefore: number;
  readonly polls: number;
  /** The epoch created or being created. */
  readonly controlEpoch: number;
  readonly createdAt: number;
  /** A new control epoch must be above this one. */
  readonly floor: number;
}

/** Beyond the wait itself: a look that was under way, one that is started after the file is there, the first heartbeat. */
const CANDIDATE_HEARTBEATS = 2;

type Step = readonly [Candidate, readonly Effect[]];

export function newCandidate(now: number): Candidate {
  return {
    phase: 'watching',
    seen: undefined,
    heardAt: now,
    notBefore: now,
    polls: 0,
    controlEpoch: 0,
    createdAt: now,
    floor: 0,
  };
}

export function step(c: Candidate, input: Input, times: ClusterTimes): Step {
  switch (input.kind) {
    case 'tick':
      return tick(c, input.now, input.rank, times);
    case 'looked':
      return looked(c, input.look);
    case 'heard':
      return heard(c, input.now, input.controlEpoch);
    case 'polled':
      return polled(c, input, times);
    case 'created':
      if (c.phase !== 'creating' || input.controlEpoch !== c.controlEpoch) return [c, []];
      return [{ ...c, phase: 'waiting', createdAt: input.now }, [collect(c)]];
    case 'not-created':
      return c.phase === 'creating' ? startOver(c, input.now) : [c, []];
    case 'deposed':
      return c.phase === 'acting' ? startOver(c, input.now) : [c, []];
    case 'gave-up':
      if (c.phase !== 'acting') return [c, []];
      // "With no larger epoch listed after two ControlLeases it stands again, with a new file."
      return startOver({ ...c, notBefore: input.now + 2 * times.controlLeaseMs }, input.now);
    case 'larger-found': {
      const floor = Math.max(c.floor, input.controlEpoch);
      return c.phase === 'acting' ? startOver({ ...c, floor }, input.now) : [{ ...c, floor }, []];
    }
  }
  input satisfies never;
}

function tick(c: Candidate, now: number, rank: number, times: ClusterTimes): Step {
  if (c.phase === 'waiting') {
    if (!mayAct(c, now, times)) return [c, [collect(c)]];
    return [{ ...c, phase: 'acting' }, [{ kind: 'act', controlEpoch: c.controlEpoch, predecessor: c.seen! }]];
  }
  if (c.phase !== 'watching' || !mayStand(c, now, rank, times)) return [c, []];
  const polls = c.polls + 1;
  return [{ ...c, phase: 'polling', polls }, [{ kind: 'poll', poll: polls }]];
}

/**
 * "A candidate stands only if for half a ControlLease it has not heard the controller … and reads that returned, half a
 * ControlLease apart, show the same counter; the k-th in line waits k Heartbeats more."
 */
function mayStand(c: Candidate, now: number, rank: number, times: ClusterTimes): boolean {
  if (c.seen === undefined || now < c.notBefore) return false;
  if (nobodyBefore(c.seen)) return now - c.heardAt >= rank * times.heartbeatMs;
  const half = longerTimes(times, c.seen.times).controlLeaseMs / 2;
  const silentFor = now - c.heardAt;
  const sameFor = c.seen.lookStartedAt - c.seen.firstSeenAt;
  const patience = c.seen.octets.length === 0 ? candidateMs(longerTimes(times, c.seen.times)) : half;
  return silentFor >= half + rank * times.heartbeatMs && sameFor >= patience;
}

/** A candidate has its file, and no counter to change, for a ControlLease and margin; and then some to notice and to write. */
function candidateMs(times: ClusterTimes): number {
  return withMargin(times.controlLeaseMs, times) + CANDIDATE_HEARTBEATS * times.heartbeatMs;
}

/**
 * "It acts when its own clock shows ControlLease plus margin since it first saw the predecessor's last value": last is
 * the value that a look shows which was started after our file was there, for no later heartbeat gives authority.
 */
function mayAct(c: Candidate, now: number, times: ClusterTimes): boolean {
  if (c.seen === undefined || c.seen.lookStartedAt < c.createdAt) return false;
  if (c.seen.largestEpoch !== c.controlEpoch) return false;
  return nobodyBefore(c.seen) || now >= actsAt(c.seen, times);
}

function actsAt(seen: Seen, own: ClusterTimes): number {
  const times = longerTimes(own, seen.times);
  return seen.firstSeenAt + withMargin(times.controlLeaseMs, times);
}

/** Its file is there, or may be. */
export function hasFile({ phase }: Candidate): boolean {
  return phase === 'creating' || phase === 'waiting' || phase === 'acting';
}

/** When a tick is due before the next Heartbeat: a waiting candidate acts on time. Undefined when there is none to come. */
export function dueAt(c: Candidate, times: ClusterTimes): number | undefined {
  return c.phase === 'waiting' && c.seen !== undefined ? actsAt(c.seen, times) : undefined;
}

function looked(c: Candidate, look: Look): Step {
  const seen = see(c.seen, look);
  const next = { ...c, seen };
  const standing = c.phase === 'waiting' || c.phase === 'acting';
  // "Who loses a creation or lists a larger epoch starts over."
  if (standing && seen.largestEpoch > c.controlEpoch) return startOver(next, look.returnedAt);
  // "Reads … show the same counter": not any more, so somebody acts or stands.
  const isNew = seen.firstSeenAt !== c.seen?.firstSeenAt || seen.predecessorEpoch !== c.seen.predecessorEpoch;
  if (c.phase === 'polling' && isNew) return [{ ...next, phase: 'watching' }, []];
  return [next, []];
}

function heard(c: Candidate, now: number, controlEpoch: number): Step {
  if (controlEpoch < c.controlEpoch && c.phase !== 'watching' && c.phase !== 'polling') return [c, []];
  if (c.phase === 'acting' && controlEpoch === c.controlEpoch) return [c, []];
  const next = { ...c, heardAt: now };
  return c.phase === 'watching' ? [next, []] : startOver(next, now);
}

function polled(c: Candidate, input: Extract<Input, { kind: 'polled' }>, times: ClusterTimes): Step {
  const { now, poll, heardAgoMs } = input;
  if (c.phase !== 'polling' || poll !== c.polls) return [c, []];
  // "No member it reaches (frontends count) has heard it." What others heard counts like our own hearing, so that all
  // candidates reckon from the same time and the line of ranks holds.
  if (heardAgoMs !== undefined && heardAgoMs < times.controlLeaseMs / 2)
    return [{ ...c, phase: 'watching', heardAt: Math.max(c.heardAt, now - heardAgoMs) }, []];
  const controlEpoch = Math.max(c.seen?.largestEpoch ?? 0, c.floor) + 1;
  if (controlEpoch > CONTROL_EPOCH_MAX) return [{ ...c, phase: 'watching' }, []];
  return [{ ...c, phase: 'creating', controlEpoch }, [{ kind: 'create', controlEpoch }]];
}

/** Back to watching; the predecessor is somebody else now, so its value is seen for the first time. */
function startOver(c: Candidate, now: number): Step {
  const fresh = { ...c, phase: 'watching' as const, seen: undefined, heardAt: Math.max(c.heardAt, now) };
  return [fresh, [{ kind: 'abandon' }]];
}

function collect(c: Candidate): Effect {
  return { kind: 'collect', controlEpoch: c.controlEpoch };
}

/** What the driver of a candidacy hands to the controller that it becomes, and what that one says when it is over. */
import type { Address, AppendFile, Platform } from '../../platform/platform.ts';
import type { Bus } from '../bus/types.ts';
import type { MoveCounts } from '../leases/giver.ts';
import type { FeatureLevel } from '../level.ts';
import type { LeasesAnswer, WorkerInfo } from '../messages.ts';
import type { MemberNews } from '../news.ts';
import type { ClusterLogger, ClusterTimes, OpenSettings, SlotMap } from '../types.ts';
import type { EventCounts } from './journal.ts';
import type { Seen } from './watch.ts';

/** A worker's answer to a candidate, with our clock before the question and after the answer. */
export interface Collected {
  readonly answer: LeasesAnswer;
  readonly askedAt: number;
  readonly receivedAt: number;
}

export type Over =
  | { readonly kind: 'deposed' }
  | { readonly kind: 'gave-up' }
  | { readonly kind: 'larger-found'; readonly controlEpoch: number };

/** What this process knew before it was in control, so that a new controller tells only what is new. */
export interface Before {
  readonly counts: EventCounts;
  readonly moves: MoveCounts;
  readonly membersBefore: () => readonly MemberNews[];
}

export interface ControllerOptions {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly times: ClusterTimes;
  readonly root: string;
  readonly clusterId: string;
  readonly controlEpoch: number;
  readonly file: AppendFile;
  readonly predecessor: Seen;
  readonly collected: Iterable<Collected>;
  /** This process's copy of the predecessor's map. */
  readonly mapBefore: SlotMap;
  /** Every other supervisor known: told of the first authority, as nobody reports to a controller it has not heard of. */
  readonly supervisors: () => readonly Address[];
  /** Every worker known, of all members: told too. */
  readonly workers: () => readonly WorkerInfo[];
  readonly lifeProofs: boolean;
  /** A member that stands alone: there are no others, and its own workers died with it. */
  readonly alone: boolean;
  readonly openSettings: OpenSettings | undefined;
  readonly level: FeatureLevel;
  /** Members that were made Not-Ready: they have slots when nobody else could. */
  readonly reserves: (member: string) => boolean;
  readonly logger: ClusterLogger;
  readonly before: Before;
  /** Told once, when it is over. */
  readonly over: (over: Over) => void;
}

/**
 * What the cluster layer gives to the rest: leases to the store, owners to the callers, news to everybody; and the seam for
 * another coordination engine (docs/architecture.md, section 3): a `SupervisorNode` and a `WorkerNode` are one. Ours,
 * `embedded`, makes them in supervisor-node.ts and worker-node.ts; `src/member/` is the only place that calls it.
 */
import type { Logger } from '../lib/logging.ts';
import type { Address } from '../platform/platform.ts';
import type { DomainId, Incarnation, Slot } from '../store/ids.ts';
import type { Lease } from '../store/log/types.ts';
import type { NotReady } from './not-ready.ts';

export type Role = 'backend' | 'frontend' | 'symmetric' | 'standalone';

export type { SlotHolder } from '../store/host/types.ts';

/** What a member's processes share in their view of the cluster. */
export interface NodeView {
  readonly map: SlotMap;
  readonly settings: WatchedSettings;
  /** Every member that the controller knows, as of the last news: names and states are new, the figures may be old. */
  status(): readonly MemberStatus[];
  /** Asks the controller for the list as it is now; false when it did not answer. Never rejects. */
  refreshStatus(timeoutMs: number): Promise<boolean>;
  /** Where the controller's supervisor is, when it was heard within `unheardMs`. */
  controller():
    | { readonly member: string; readonly address: Address; readonly controlEpoch: number }
    | undefined;
  /** True while this member may serve: it hears a controller and has the map and the settings. */
  isReady(): boolean;
  /** Resolves when it is ready for the first time. */
  readonly ready: Promise<void>;
  /** Changes the cluster settings; resolves when every ready member shows the change. Failure as `SettingsObject.change`. */
  changeSettings(
    change: unknown,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<unknown>;
  /**
   * Has a slot moved to a member; resolves when the map shows it there. Failure 'not-found' (no such member), 'refused' (it takes
   * no slots), 'unavailable', 'unknown' (not there in time: it may come yet).
   */
  moveSlot(slot: Slot, member: string, options: { readonly timeoutMs: number }): Promise<void>;
  /** Planned moves, as of the last news of a controller that tells them. */
  moves(): SlotMoves | undefined;
}

/** The supervisor's node: membership and, on backends, control. */
export interface SupervisorNode extends NodeView {
  /** A child of this supervisor has exited; its leases are free at once (proven dead). */
  workerExited(incarnation: Incarnation): void;
  /** Why this backend stands for nothing: storage not mounted, another cluster's … Undefined when all is well. */
  refusal(): string | undefined;
  isController(): boolean;
  /** Reads and changes the cluster settings in one: at the controller, one decision after another, on the newest. */
  readonly decide: Decide;
  /** How often this process, as controller, told each event of src/cluster/events.ts. */
  eventCounts(): ReadonlyMap<string, number>;
  /** Planned moves that this process, as controller, has begun. */
  moveCounts(): Omit<SlotMoves, 'underWay'>;
  /** Asks for the slots of this member to be moved away; resolves when it has none or `signal` aborts. */
  drain(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** A worker's node: the map, the settings, the router and, on backends, the leases. */
export interface WorkerNode extends NodeView {
  readonly router: SlotRouter;
  /** The copy of the map may be old: asks the controller for news now. */
  refreshMap(): void;
  /** Slots leased now. */
  slots(): number;
  /** Whether clients should come here. */
  standing(): Standing;
  /** The storage probe: since when the newest successful one was begun, and how long it took; undefined without storage. */
  storage(): { readonly ageMs: number; readonly latencyMs: number | undefined } | undefined;
  /**
   * How long a worker's incarnation has certainly been gone from the cluster, as far as this process can tell: 0 while it
   * is there. An owner forgets its transactions after 15 minutes.
   */
  goneForMs(incarnation: Incarnation): number;
  refusal(): string | undefined;
  /** Asks for its slots to be moved away; resolves when it has none or `signal` aborts. */
  drain(signal: AbortSignal): Promise<void>;
  /** Gives everything back (releases what it can within `graceMs`) and ends. */
  stop(graceMs?: number): Promise<void>;
}

/** An entry of the slot map, as frontends see it. */
export interface Owner {
  readonly incarnation: Incarnation;
  readonly address: Address;
  readonly member: string;
}

/** A copy of the controller's versioned slot map. */
export interface SlotMap {
  readonly version: number;
  owner(slot: Slot): Owner | undefined;
  /** Every worker that owns at least one slot. */
  owners(): readonly Owner[];
  /** Resolves at the next version above `version`, or when `signal` aborts (then rejects). */
  newer(version: number, signal: AbortSignal): Promise<void>;
}

/**
 * Calls the owner of a slot, wherever it is: looks at the map, follows `moved`, waits for a new owner after
 * 'unavailable', until `timeoutMs` is over. Never repeats a request whose outcome is 'unknown' unless `repeatable`.
 */
export interface SlotRouter {
  call(
    slot: Slot,
    service: string,
    body: Record<string, unknown>,
    options: SlotCallOptions,
  ): Promise<unknown>;
}

export interface SlotCallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Safe to ask again after a lost answer: reads, and changes that carry an intent or transaction id. */
  readonly repeatable: boolean;
}

export interface MemberStatus {
  readonly name: string;
  readonly role: Role;
  readonly state: 'joining' | 'ready' | 'not-ready' | 'gone';
  readonly address: Address;
  readonly isController: boolean;
  readonly workers: readonly WorkerStatus[];
  readonly slots: number;
  /** Of the program; empty while the member has not said. */
  readonly version: string;
  /** How long it has been running, as of its newest report. */
  readonly uptimeMs: number;
  /** Its slots are moving away, or it stops. */
  readonly draining: boolean;
  /** The largest that it has answered; another one than the controller's: it does not hear this controller. */
  readonly controlEpoch: number;
  /** Why it stands for nothing; undefined when all is well. */
  readonly refusal: string | undefined;
  /** The highest feature level that its program knows (level.ts). */
  readonly level: number;
  /** An operator has made it Not-Ready; as the cluster settings have it here. */
  readonly notReady?: NotReady | undefined;
}

export interface WorkerStatus {
  readonly incarnation: Incarnation;
  readonly address: Address;
  readonly pid: number;
  readonly ready: boolean;
  readonly slots: number;
  /** How long the newest storage probe took; undefined without storage. */
  readonly storageMs: number | undefined;
  readonly refusal: string | undefined;
  /** Connections of clients; undefined when it does not say. */
  readonly connections: number | undefined;
  /** Undefined for a worker of a version that does not tell it. */
  readonly load?: WorkerLoad | undefined;
}

/** What a worker tells of its load, measured once a second (docs/cluster.md, "Placement"). */
export interface WorkerLoad {
  /** How many slots it shall have beside the others: 100 as a rule. */
  readonly weight: number;
  /** How much of a processor its thread used in the last second: 1 is all of it. */
  readonly processor: number;
  /** A second, of all its slots together. */
  readonly operations: number;
  /** Its busiest slots, the busiest first. */
  readonly hottest: readonly SlotRate[];
}

export interface SlotRate {
  readonly slot: Slot;
  /** A second. */
  readonly operations: number;
}

/** Planned moves of slots that a controller has begun since its process started, by their reason. */
export interface SlotMoves {
  readonly operator: number;
  readonly drain: number;
  readonly balance: number;
  readonly hot: number;
  /** Being closed by their holders now. */
  readonly underWay: number;
}

/**
 * What a balancer is told. `degraded`: something is gone for everybody, the controller or the storage, so nobody else would
 * serve better; to leave then would empty the balancer for nothing.
 */
export type Standing = 'ready' | 'degraded' | 'not-ready';

/** The cluster settings, as every member holds a copy of them. */
export interface ClusterSettings {
  readonly version: number;
  domain(name: string): DomainRecord | undefined;
  domainById(id: DomainId): DomainRecord | undefined;
  domains(): readonly DomainRecord[];
  /** Other cluster-wide values: administrators, defaults. */
  value(key: string): Buffer | undefined;
}

/** A copy that tells what changes in it. */
export interface WatchedSettings extends ClusterSettings {
  /** Called in the turn in which the copy has taken a change over, after that; it must not throw. Ends by the result. */
  onChange(listener: (delta: SettingsDelta) => void): () => void;
}

export interface DomainRecord {
  readonly id: DomainId;
  /** Lower-case, A-labels. */
  readonly name: string;
  readonly shared: boolean;
  /** Its directory below the root of the shared storage; its name when absent. Stays when the domain is renamed. */
  readonly directory?: string;
  /** Being deleted: takes no new names. */
  readonly deleting?: true;
  /** Its explicit settings as stored (src/settings/domain-settings.ts); absent: none. */
  readonly settings?: Buffer;
}

/** Domains and values as they travel: everything (a snapshot) or what changed since a version. */
export interface SettingsDelta {
  /** The version that the receiver has after it took this over. */
  readonly version: number;
  /** True: forget what you had before. */
  readonly whole: boolean;
  readonly domains: readonly DomainRecord[];
  readonly domainsDeleted: readonly DomainId[];
  /** Null deletes a value. */
  readonly values: readonly (readonly [key: string, value: Buffer | null])[];
}

/**
 * The cluster settings as their one owner, the controller, holds them open. Opened through a factory when control is
 * gained, with a lease that is the control authority (epoch: control epoch, grant count 0); closed when it is lost.
 */
export interface SettingsObject {
  /** Grows with every change, over all controllers. */
  readonly version: number;
  /** Everything. Shown to members only after `settled()`. */
  snapshot(): SettingsDelta;
  /** What changed since a version; undefined when that is no longer known so far back. */
  changesSince(version: number): SettingsDelta | undefined;
  /** Resolves when the change is durable and the authority was held after that. Failure as any change of an object. */
  change(change: unknown): Promise<{ readonly version: number; readonly result: unknown }>;
  /** Rejects when the state may not be shown: authority or log gone. */
  settled(): Promise<void>;
  close(): Promise<void>;
  /** Resolves with the reason when the object must be opened again; never rejects. */
  readonly failed: Promise<Error>;
}

export type OpenSettings = (lease: Lease) => Promise<SettingsObject>;

/** A value of the cluster settings as it is to be; null takes it away. */
export interface SettingsWrite {
  readonly key: string;
  readonly value: Buffer | null;
}

/** What a decision writes, and what it answers once that is durable. */
export interface Decision<T> {
  readonly writes: readonly SettingsWrite[];
  readonly answer: T;
}

/** One decision at a time, at the controller, on the newest settings; Failure 'unavailable' at any other member. */
export type Decide = <T>(decide: (settings: ClusterSettings) => Promise<Decision<T>>) => Promise<T>;

/** What the cluster layer says to the log of the process. */
export type ClusterLogger = Pick<Logger, 'info' | 'warn' | 'error'>;

/** Times and limits of the coordination; `src/cluster/times.ts` has the defaults. */
export interface ClusterTimes {
  readonly heartbeatMs: number;
  readonly controlLeaseMs: number;
  readonly slotLeaseMs: number;
  /** How much faster one clock may run than another: 0.12 is 12 %. */
  readonly clockMargin: number;
  /** A member that has heard no controller, or was not heard, for so long is not ready and not waited for. */
  readonly unheardMs: number;
  /** How often a backend worker writes and syncs its storage probe. */
  readonly probeEveryMs: number;
  readonly movesPerSecond: number;
  /** Planned moves under way at once, over all workers. */
  readonly movesAtOnce: number;
  /** Rebalancing starts when the set of workers has not changed for so long. */
  readonly rebalanceAfterMs: number;
}

/** The part of the storage that a node of a backend needs. */
export interface NodeStorage {
  /** The mount of the shared storage: `…/SharedDomains`. */
  readonly root: string;
  /** Further mounts below it (`fast`, mounted `.sub` directories) that must carry the cluster's marker. */
  readonly mounts?: readonly string[];
}

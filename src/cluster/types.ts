/** What the cluster layer gives to the rest: leases to the store, owners to the callers, news to everybody. */
import type { Logger } from '../lib/logging.ts';
import type { Address } from '../platform/platform.ts';
import type { DomainId, Incarnation, Slot } from '../store/ids.ts';
import type { Lease } from '../store/log/types.ts';

export type Role = 'backend' | 'frontend' | 'symmetric' | 'standalone';

export type { SlotHolder } from '../store/host/types.ts';

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
  readonly workers: readonly {
    readonly incarnation: Incarnation;
    readonly address: Address;
    readonly pid: number;
  }[];
  readonly slots: number;
}

/** The cluster settings, as every member holds a copy of them. */
export interface ClusterSettings {
  readonly version: number;
  domain(name: string): DomainRecord | undefined;
  domainById(id: DomainId): DomainRecord | undefined;
  domains(): readonly DomainRecord[];
  /** Other cluster-wide values: administrators, defaults. */
  value(key: string): Buffer | undefined;
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

/** What a member's processes share in their view of the cluster. */
export interface NodeView {
  readonly map: SlotMap;
  readonly settings: ClusterSettings;
  /** Every member that the controller knows, as of the last news. */
  status(): readonly MemberStatus[];
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
}

/** The supervisor's node: membership and, on backends, control. */
export interface SupervisorNode extends NodeView {
  /** A child of this supervisor has exited; its leases are free at once (proven dead). */
  workerExited(incarnation: Incarnation): void;
  /** Why this backend stands for nothing: storage not mounted, another cluster's … Undefined when all is well. */
  refusal(): string | undefined;
  isController(): boolean;
  /** Asks for the slots of this member to be moved away; resolves when it has none or `signal` aborts. */
  drain(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** A worker's node: the map, the settings, the router and, on backends, the leases. */
export interface WorkerNode extends NodeView {
  readonly router: SlotRouter;
  /** Slots leased now. */
  slots(): number;
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

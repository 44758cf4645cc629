/** What the cluster layer gives to the rest: leases to the store, owners to the callers, news to everybody. */
import type { Address } from '../platform/platform.ts';
import type { DomainId, Incarnation, Slot } from '../store/ids.ts';
import type { Lease } from '../store/log/types.ts';

export type Role = 'backend' | 'frontend' | 'symmetric' | 'standalone';

/** The owner's side: told by the lease client of a backend worker, implemented by the store's host of objects. */
export interface SlotHolder {
  /** The slot is ours from now on. Must not block; the slot's log is opened when it is first asked for. */
  granted(slot: Slot, lease: Lease): void;
  /** A planned move: take no new work, finish commits in flight, close. Resolves when nothing of the slot is open. */
  release(slot: Slot): Promise<void>;
  /** The lease is gone: drop everything of the slot at once, without writing. */
  lost(slot: Slot): void;
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
}

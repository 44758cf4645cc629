/**
 * What supervisor and worker say to each other over the child's IPC channel: start parameters, readiness, whether the
 * worker still does anything, and the member's keys when they change; nothing else.
 * Both ends are this program in one version. The channel is also the life line: a worker whose channel ends exits at once.
 */
import type { SecurityFiles } from '../cluster/security/member-security.ts';
import type { Role } from '../cluster/types.ts';
import { parseNetworks } from '../lib/networks.ts';
import type { Address } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import type { Incarnation } from '../store/ids.ts';

/** All that a worker is told. */
export interface WorkerStart {
  readonly kind: 'start';
  readonly base: string;
  readonly role: Role;
  readonly member: string;
  /** 0 … Workers - 1; stays with the place when a worker is replaced. */
  readonly index: number;
  /** New for each process (docs/architecture.md, section 1). */
  readonly incarnation: Incarnation;
  readonly settings: Settings;
  /** Of the storage; empty on a member that mounts none. */
  readonly clusterId: string;
  /** Certificate, key and keyrings of the member. Secret. */
  readonly security: SecurityFiles;
  /** Where the supervisor's bus listens. */
  readonly supervisor: Address;
  /** Supervisors of the backends. */
  readonly seeds: readonly Address[];
  /** Where listeners were bound before, by service: a replaced worker has the same ports although the setting said 0. */
  readonly ports: Services;
}

/** Addresses by the name of the service: `smtp`, `imap` … */
export type Services = Readonly<Record<string, Address>>;

export type ToWorker =
  | WorkerStart
  /** Certificate, authorities or rings are others from now on. */
  | { readonly kind: 'security'; readonly files: SecurityFiles }
  /** Answered with `pong` at once, unless the worker hangs. */
  | { readonly kind: 'ping' }
  /** End in good order: no new connections, running commands finish, slots are released. */
  | { readonly kind: 'stop'; readonly graceMs: number };

export type FromWorker =
  | { readonly kind: 'pong' }
  /** Listens on everything and shows the cluster's state. */
  | { readonly kind: 'ready'; readonly services: Services }
  /** Cannot start for a reason that a person has to mend; `setting` is the key to change. */
  | {
      readonly kind: 'failed';
      readonly setting: string | undefined;
      readonly code: string;
      readonly why: string;
    };

/** As a start travels: sets of networks have functions, which no channel takes, and are sent as what they were made of. */
export function packStart(start: WorkerStart): Readonly<Record<string, unknown>> {
  const settings = Object.entries(start.settings).map(([name, value]) => [name, packed(value)] as const);
  return { ...start, settings: Object.fromEntries(settings) };
}

/** What `packStart` made, as it was before. */
export function unpackStart(start: WorkerStart): WorkerStart {
  const settings = Object.entries(start.settings).map(([name, value]) => [name, unpacked(value)] as const);
  return { ...start, settings: Object.fromEntries(settings) as unknown as Settings };
}

function packed(value: unknown): unknown {
  return isRecord(value) && typeof value.contains === 'function' ? { networks: value.entries } : value;
}

function unpacked(value: unknown): unknown {
  return isRecord(value) && Array.isArray(value.networks) ? parseNetworks(value.networks as string[]) : value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What supervisor and worker say to each other over the child's IPC channel: start parameters and readiness, nothing else.
 * Both ends are this program in one version. The channel is also the life line: a worker whose channel ends exits at once.
 */
import type { Role } from '../cluster/types.ts';
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
  /** End in good order: no new connections, running commands finish, slots are released. */
  | { readonly kind: 'stop'; readonly graceMs: number };

export type FromWorker =
  /** Listens on everything and shows the cluster's state. */
  | { readonly kind: 'ready'; readonly services: Services }
  /** Cannot start for a reason that a person has to mend; `setting` is the key to change. */
  | {
      readonly kind: 'failed';
      readonly setting: string | undefined;
      readonly code: string;
      readonly why: string;
    };

/**
 * What a member says of itself beside the coordination: for people and balancers, never for decisions on leases. It travels
 * at the end of reports and of the controller's list of members; a member of an earlier version says nothing of it, so
 * whoever reads must do without.
 */
import { loadBody, readLoad } from './leases/load.ts';
import { absent, type Fields, fields, flag, list, text, uint, WORKERS_MAX } from './messages.ts';
import type { WorkerLoad } from './types.ts';

export interface WorkerFacts {
  readonly ready: boolean;
  /** Slots leased. */
  readonly slots: number;
  /** How long the newest storage probe (write and sync) took; undefined without storage, or before the first one. */
  readonly storageMs: number | undefined;
  /** Why it is given nothing; undefined when all is well. */
  readonly refusal: string | undefined;
  /** Connections of clients; undefined when it does not say. */
  readonly connections: number | undefined;
  /** Absent where it does not say. */
  readonly load?: WorkerLoad | undefined;
}

export interface MemberFacts {
  /** Of the program. */
  readonly version: string;
  /** Since its supervisor was started. */
  readonly uptimeMs: number;
  readonly refusal: string | undefined;
  /** The highest feature level that it knows (level.ts): who knows less than the cluster's is refused. */
  readonly level: number;
  /** In the order of the report's workers. */
  readonly workers: readonly WorkerFacts[];
}

export const NO_FACTS: MemberFacts = { version: '', uptimeMs: 0, refusal: undefined, level: 0, workers: [] };
export const NO_WORKER_FACTS: WorkerFacts = {
  ready: false,
  slots: 0,
  storageMs: undefined,
  refusal: undefined,
  connections: undefined,
};

/** A refusal is a line for people; messages take so much of it. */
const REFUSAL_LENGTH_MAX = 255;

export function factsBody(facts: MemberFacts): Fields {
  return {
    version: facts.version,
    uptimeMs: Math.round(facts.uptimeMs),
    refusal: refusalBody(facts.refusal),
    level: facts.level,
    workers: facts.workers.map(workerFactsBody),
  };
}

export function workerFactsBody(facts: WorkerFacts): Fields {
  const { ready, slots, storageMs, refusal, connections, load } = facts;
  return {
    ready,
    slots,
    storageMs: storageMs === undefined ? null : Math.round(storageMs),
    refusal: refusalBody(refusal),
    connections: connections ?? null,
    load: load === undefined ? null : loadBody(load),
  };
}

/** `NO_FACTS` for an absent one; Failure 'invalid' for nonsense. */
export function readFacts(value: unknown): MemberFacts {
  if (absent(value)) return NO_FACTS;
  const it = fields(value, 'facts');
  return {
    version: text(it.version, 'version'),
    uptimeMs: uint(it.uptimeMs, 'uptime'),
    refusal: readRefusal(it.refusal),
    level: absent(it.level) ? 0 : uint(it.level, 'level'),
    workers: list(it.workers, WORKERS_MAX, 'workers', readWorkerFacts),
  };
}

/** `NO_WORKER_FACTS` for an absent one. */
export function readWorkerFacts(value: unknown): WorkerFacts {
  if (absent(value)) return NO_WORKER_FACTS;
  const it = fields(value, 'worker facts');
  const { storageMs, connections } = it;
  const load = readLoad(it.load);
  return {
    ready: flag(it.ready, 'ready'),
    slots: uint(it.slots, 'slots'),
    storageMs: absent(storageMs) ? undefined : uint(storageMs, 'storage'),
    refusal: readRefusal(it.refusal),
    connections: absent(connections) ? undefined : uint(connections, 'connections'),
    ...(load && { load }),
  };
}

function refusalBody(refusal: string | undefined): string | null {
  return refusal?.slice(0, REFUSAL_LENGTH_MAX) ?? null;
}

function readRefusal(value: unknown): string | undefined {
  return absent(value) ? undefined : text(value, 'refusal');
}

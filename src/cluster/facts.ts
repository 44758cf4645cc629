/**
 * What a member says of itself beside the coordination: for people and balancers, never for decisions on leases. It travels
 * at the end of reports and of the controller's list of members; a member of an earlier version says nothing of it, so
 * whoever reads must do without.
 */
import { type Fields, fields, flag, list, text, uint, WORKERS_MAX } from './messages.ts';

export interface WorkerFacts {
  readonly ready: boolean;
  /** Slots leased. */
  readonly slots: number;
  /** How long the newest storage probe (write and sync) took; undefined without storage, or before the first one. */
  readonly storageMs: number | undefined;
  /** Why it is given nothing; undefined when all is well. */
  readonly refusal: string | undefined;
}

export interface MemberFacts {
  /** Of the program. */
  readonly version: string;
  /** Since its supervisor was started. */
  readonly uptimeMs: number;
  readonly refusal: string | undefined;
  /** In the order of the report's workers. */
  readonly workers: readonly WorkerFacts[];
}

export const NO_FACTS: MemberFacts = { version: '', uptimeMs: 0, refusal: undefined, workers: [] };
export const NO_WORKER_FACTS: WorkerFacts = {
  ready: false,
  slots: 0,
  storageMs: undefined,
  refusal: undefined,
};

/** A refusal is a line for people; messages take so much of it. */
const REFUSAL_LENGTH_MAX = 255;

export function factsBody(facts: MemberFacts): Fields {
  return {
    version: facts.version,
    uptimeMs: Math.round(facts.uptimeMs),
    refusal: refusalBody(facts.refusal),
    workers: facts.workers.map(workerFactsBody),
  };
}

export function workerFactsBody({ ready, slots, storageMs, refusal }: WorkerFacts): Fields {
  return {
    ready,
    slots,
    storageMs: storageMs === undefined ? null : Math.round(storageMs),
    refusal: refusalBody(refusal),
  };
}

/** `NO_FACTS` for an absent one; Failure 'invalid' for nonsense. */
export function readFacts(value: unknown): MemberFacts {
  if (value === undefined || value === null) return NO_FACTS;
  const it = fields(value, 'facts');
  return {
    version: text(it.version, 'version'),
    uptimeMs: uint(it.uptimeMs, 'uptime'),
    refusal: readRefusal(it.refusal),
    workers: list(it.workers, WORKERS_MAX, 'workers', readWorkerFacts),
  };
}

/** `NO_WORKER_FACTS` for an absent one. */
export function readWorkerFacts(value: unknown): WorkerFacts {
  if (value === undefined || value === null) return NO_WORKER_FACTS;
  const it = fields(value, 'worker facts');
  const { storageMs } = it;
  return {
    ready: flag(it.ready, 'ready'),
    slots: uint(it.slots, 'slots'),
    storageMs: storageMs === null || storageMs === undefined ? undefined : uint(storageMs, 'storage'),
    refusal: readRefusal(it.refusal),
  };
}

function refusalBody(refusal: string | undefined): string | null {
  return refusal?.slice(0, REFUSAL_LENGTH_MAX) ?? null;
}

function readRefusal(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : text(value, 'refusal');
}

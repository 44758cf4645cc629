/**
 * Bodies of the coordination messages and their readers. Peers are members, but what they send is still input: each
 * reader checks every field it gives and throws Failure 'invalid', which answers the call and ends nothing else.
 * Pairs (slot, epoch) travel as one flat list. "All coordination messages carry the control epoch."
 */
import { Failure } from '../lib/failure.ts';
import type { Address } from '../platform/platform.ts';
import { type Epoch, type Incarnation, SLOTS, type Slot } from '../store/ids.ts';
import { CONTROL_EPOCH_MAX } from './control/heartbeat-file.ts';
import {
  factsBody,
  type MemberFacts,
  readFacts,
  readWorkerFacts,
  type WorkerFacts,
  workerFactsBody,
} from './facts.ts';
import { isIncarnation } from './incarnation.ts';
import { loadBody, readLoad } from './leases/load.ts';
import { isRole } from './roles.ts';
import type { Role, WorkerLoad } from './types.ts';

/** Names of bus services and notices. Those of workers are apart, as one process may host both nodes. */
export const Service = {
  /** Notice to supervisors, and to workers: the controller's statement. */
  supervisorStatement: 'cluster.statement',
  workerStatement: 'cluster.worker-statement',
  /** Notice of a worker to its own supervisor, each Heartbeat; it is answered with the newest statement. */
  hello: 'cluster.hello',
  /** To the controller: a supervisor's report, a worker's report with its renewal. The answers hold a statement. */
  report: 'cluster.report',
  renew: 'cluster.renew',
  /** To any supervisor: who is the controller, and when was it heard. */
  ask: 'cluster.ask',
  /** A candidate to a worker: which leases are running. */
  leases: 'cluster.leases',
  /** To the controller: news since a version. */
  map: 'cluster.map',
  members: 'cluster.members',
  // Not named `cluster.…`, which would send them ahead of everything: these may be large.
  settings: 'settings.since',
  change: 'settings.change',
  /** To the controller: an operator wants a slot moved. */
  moveSlot: 'placement.move-slot',
  /** To any supervisor: pass this call on, one hop. Coordination, and calls of the router. */
  relay: 'cluster.relay',
  relayData: 'relay.call',
  /** To any worker: are you there. */
  workerPing: 'cluster.worker-ping',
  /** Keys of the cluster (src/cluster/security/): to any backend's supervisor, which passes decisions on to the controller. */
  securityDecide: 'security.decide',
  securityInvite: 'security.invite',
  securityRevoke: 'security.revoke',
  securityRotate: 'security.rotate',
  securityRenew: 'security.renew',
  securityKeys: 'security.keys',
  /** To any supervisor: which keys and authorities it has. */
  securityHolds: 'security.holds',
} as const;

/** Goes ahead of everything on the bus, and over a relay of its own: heartbeats, renewals, reports, the slot map. */
export function isCoordination(service: string): boolean {
  return service.startsWith('cluster.');
}

/** Workers of one member; members of a cluster; names in a message. Far above what is in use, far below harm. */
export const WORKERS_MAX = 256;
export const MEMBERS_MAX = 1024;
const TEXT_OCTETS_MAX = 255;
const DEAD_MAX = 64;

export interface Pair {
  readonly slot: Slot;
  readonly epoch: Epoch;
}

export interface Statement {
  readonly controlEpoch: number;
  readonly counter: number;
  /** 0: no authority; the controller is not heard by this. */
  readonly authorityLeftMs: number;
  readonly member: string;
  readonly address: Address;
  readonly clusterId: string;
  readonly mapVersion: number;
  /** -1 while the controller has not opened the settings. */
  readonly settingsVersion: number;
  readonly membersVersion: number;
  /** Something waits for the receiver: renew at once. */
  readonly poke: boolean;
}

export interface WorkerInfo {
  readonly incarnation: Incarnation;
  readonly address: Address;
  readonly pid: number;
  /** Where its life socket listens, when it has one. */
  readonly life: Address | undefined;
  /** May own slots. */
  readonly holds: boolean;
}

/** What a supervisor says of its member, each Heartbeat. */
export interface Report {
  readonly controlEpoch: number;
  /** Counter of the newest statement it heard of that control epoch. */
  readonly quote: number;
  readonly member: string;
  readonly role: Role;
  readonly incarnation: Incarnation;
  /** Counts the reports of this incarnation up: an older one that took a detour is passed over. */
  readonly seq: number;
  readonly address: Address;
  /** It would serve: the answer makes it ready (readiness.ts). */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly settingsVersion: number;
  readonly workers: readonly WorkerInfo[];
  /** Children of this supervisor that have exited, and workers whose life connection proved their death. */
  readonly dead: readonly Incarnation[];
  /** For people; absent from a member of an earlier version. */
  readonly facts?: MemberFacts;
}

/** What a worker says of itself and its leases, each Heartbeat: small, unless `pairs` was asked for. */
export interface Renewal {
  readonly controlEpoch: number;
  readonly quote: number;
  readonly member: string;
  readonly supervisor: Address;
  readonly worker: WorkerInfo;
  /** Counts the requests of this incarnation up; later ones overtake. */
  readonly seq: number;
  /** The newest answer's serial that was applied. */
  readonly ack: number;
  /** As in a report: of this worker. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly settingsVersion: number;
  /** The nonce of the controller's file, read through the own mount; empty when not read. */
  readonly nonce: string;
  /** The storage probe: its age; undefined for a worker without slots. */
  readonly probeAgeMs: number | undefined;
  /** The probe is older than the lease: this is no renewal. */
  readonly stalled: boolean;
  readonly count: number;
  readonly digest: number;
  readonly released: readonly Pair[];
  /** Those of `released` that could not be taken: better given to somebody else. */
  readonly returned: readonly Pair[];
  /** Everything held, when the controller asked for it or this is the first to it. */
  readonly pairs: readonly Pair[] | undefined;
  /** A file with a larger epoch than its lease's was found. */
  readonly largerEpoch: Epoch | undefined;
  /** Absent from a worker of an earlier version. */
  readonly load?: WorkerLoad | undefined;
}

/** What a worker says to its own supervisor. */
export interface Hello {
  readonly worker: WorkerInfo;
  readonly ready: boolean;
  readonly slots: number;
  readonly facts?: WorkerFacts;
}

export interface RenewalAnswer {
  readonly statement: Statement;
  readonly seq: number;
  /** 0: no note was taken of the renewal: addressed to another controller, of a dead worker, or overtaken. */
  readonly serial: number;
  /** For all that the worker holds and is not refused; counted from before the request was sent. 0 renews nothing. */
  readonly leftMs: number;
  /** Digests differ: send `pairs` at once. */
  readonly resync: boolean;
  readonly grants: readonly Pair[];
  /** Close these in good order and report them released. */
  readonly release: readonly Pair[];
  /** Not yours. */
  readonly lost: readonly Pair[];
  /** Only to a stalled worker: another backend's storage is well, so give everything back. */
  readonly giveUp: boolean;
  /** The nonce was right; it need not be sent again to this controller. */
  readonly nonceKnown: boolean;
}

export interface LeasesAnswer {
  readonly worker: WorkerInfo;
  readonly member: string;
  /** How long the leases still run by the worker's own clock. */
  readonly leftMs: number;
  readonly pairs: readonly Pair[];
}

export interface AskAnswer {
  readonly controlEpoch: number;
  /** Milliseconds since a controller was heard; undefined: never. */
  readonly heardAgoMs: number | undefined;
  readonly controller: Address | undefined;
  readonly member: string;
  /** Of its storage, or as stated by the controller it hears; empty when it knows none. */
  readonly clusterId: string;
  readonly workers: readonly WorkerInfo[];
}

export function flat(pairs: readonly Pair[]): number[] {
  return pairs.flatMap(({ slot, epoch }) => [slot, epoch]);
}

/** One number for a set of pairs, whatever their order; small enough to add up 4096 times exactly. */
export function pairDigest({ slot, epoch }: Pair): number {
  // Mixed before the epoch comes in: else (slot, count) and (count, slot) would be alike.
  let hash = Math.imul(slot + 1, 0x9e3779b1);
  hash ^= hash >>> 15;
  for (const part of [(epoch % 2 ** 32) | 0, Math.floor(epoch / 2 ** 32)]) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}

// ---- readers

export type Fields = Readonly<Record<string, unknown>>;

export function bad(what: string): never {
  throw new Failure('invalid', `coordination message: ${what}`);
}

export function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) bad(what);
  return value as Fields;
}

export function uint(value: unknown, what: string): number {
  if (typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return Number(value);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) bad(what);
  return value;
}

/** Larger ones do not exist; to accept one would be to refuse every controller from then on. */
export function readControlEpoch(value: unknown): number {
  const epoch = uint(value, 'control epoch');
  if (epoch > CONTROL_EPOCH_MAX) bad('control epoch');
  return epoch;
}

function duration(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) bad(what);
  return value;
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value.length > TEXT_OCTETS_MAX) bad(what);
  return value;
}

export function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') bad(what);
  return value;
}

export function list<T>(value: unknown, max: number, what: string, each: (item: unknown) => T): T[] {
  if (!Array.isArray(value) || value.length > max) bad(what);
  return value.map(each);
}

/** Undefined has no place of its own in a message: it is sent as null, or left out. */
export function absent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** A copy-free view: what msgpackr gives is a Buffer, or an octet array of another kind. */
export function octets(value: unknown, what: string): Buffer {
  if (!(value instanceof Uint8Array)) bad(what);
  return Buffer.from(value.buffer, value.byteOffset, value.length);
}

/** -1: none. */
export function settingsVersion(value: unknown): number {
  return value === -1 ? -1 : uint(value, 'settings version');
}

export function incarnation(value: unknown): Incarnation {
  return isIncarnation(value) ? value : bad('incarnation');
}

export function address(value: unknown): Address {
  const it = fields(value, 'address');
  const port = uint(it.port, 'port');
  if (port > 65535) bad('port');
  return { host: text(it.host, 'host'), port };
}

export function role(value: unknown): Role {
  return isRole(value) ? value : bad('role');
}

export function slot(value: unknown): Slot {
  const number = uint(value, 'slot');
  return number < SLOTS ? (number as Slot) : bad('slot');
}

export function pairs(value: unknown): Pair[] {
  const flatList = list(value, 2 * SLOTS, 'pairs', (each) => uint(each, 'pair'));
  if (flatList.length % 2 === 1) bad('pairs');
  const result: Pair[] = [];
  for (let i = 0; i < flatList.length; i += 2) {
    if (flatList[i]! >= SLOTS) bad('slot');
    result.push({ slot: flatList[i]! as Slot, epoch: flatList[i + 1]! as Epoch });
  }
  return result;
}

export function readStatement(value: unknown): Statement {
  const it = fields(value, 'statement');
  return {
    controlEpoch: readControlEpoch(it.controlEpoch),
    counter: uint(it.counter, 'counter'),
    authorityLeftMs: duration(it.authorityLeftMs, 'authority'),
    member: text(it.member, 'member'),
    address: address(it.address),
    clusterId: text(it.clusterId, 'cluster id'),
    mapVersion: uint(it.mapVersion, 'map version'),
    settingsVersion: settingsVersion(it.settingsVersion),
    membersVersion: uint(it.membersVersion, 'members version'),
    poke: flag(it.poke, 'poke'),
  };
}

export function readWorker(value: unknown): WorkerInfo {
  const it = fields(value, 'worker');
  return {
    incarnation: incarnation(it.incarnation),
    address: address(it.address),
    pid: uint(it.pid, 'pid'),
    life: absent(it.life) ? undefined : address(it.life),
    holds: flag(it.holds, 'holds'),
  };
}

export function readHello(value: unknown): Hello {
  const it = fields(value, 'hello');
  return {
    worker: readWorker(it.worker),
    ready: flag(it.ready, 'ready'),
    slots: uint(it.slots, 'slots'),
    facts: readWorkerFacts(it.facts),
  };
}

export function helloBody(hello: Hello): Fields {
  const { facts } = hello;
  return {
    ...hello,
    worker: workerBody(hello.worker),
    facts: facts === undefined ? null : workerFactsBody(facts),
  };
}

export function readReport(value: unknown): Report {
  const it = fields(value, 'report');
  return {
    controlEpoch: readControlEpoch(it.controlEpoch),
    quote: uint(it.quote, 'quote'),
    member: text(it.member, 'member'),
    role: role(it.role),
    incarnation: incarnation(it.incarnation),
    seq: uint(it.seq, 'seq'),
    address: address(it.address),
    ready: flag(it.ready, 'ready'),
    draining: flag(it.draining, 'draining'),
    settingsVersion: settingsVersion(it.settingsVersion),
    workers: list(it.workers, WORKERS_MAX, 'workers', readWorker),
    dead: list(it.dead, DEAD_MAX, 'dead', incarnation),
    facts: readFacts(it.facts),
  };
}

export function readRenewal(value: unknown): Renewal {
  const it = fields(value, 'renewal');
  const load = readLoad(it.load);
  return {
    controlEpoch: readControlEpoch(it.controlEpoch),
    quote: uint(it.quote, 'quote'),
    member: text(it.member, 'member'),
    supervisor: address(it.supervisor),
    worker: readWorker(it.worker),
    seq: uint(it.seq, 'seq'),
    ack: uint(it.ack, 'ack'),
    ready: flag(it.ready, 'ready'),
    draining: flag(it.draining, 'draining'),
    settingsVersion: settingsVersion(it.settingsVersion),
    nonce: text(it.nonce, 'nonce'),
    probeAgeMs: absent(it.probeAgeMs) ? undefined : duration(it.probeAgeMs, 'probe'),
    stalled: flag(it.stalled, 'stalled'),
    count: uint(it.count, 'count'),
    digest: uint(it.digest, 'digest'),
    released: pairs(it.released),
    returned: pairs(it.returned),
    pairs: absent(it.pairs) ? undefined : pairs(it.pairs),
    largerEpoch: absent(it.largerEpoch) ? undefined : (uint(it.largerEpoch, 'epoch') as Epoch),
    ...(load && { load }),
  };
}

export function reportBody(report: Report): Fields {
  const { facts } = report;
  return {
    ...report,
    workers: report.workers.map(workerBody),
    facts: facts === undefined ? null : factsBody(facts),
  };
}

export function renewalBody(renewal: Renewal): Fields {
  return {
    ...renewal,
    worker: workerBody(renewal.worker),
    probeAgeMs: renewal.probeAgeMs ?? null,
    released: flat(renewal.released),
    returned: flat(renewal.returned),
    pairs: renewal.pairs === undefined ? null : flat(renewal.pairs),
    largerEpoch: renewal.largerEpoch ?? null,
    load: renewal.load === undefined ? null : loadBody(renewal.load),
  };
}

export function workerBody(worker: WorkerInfo): Fields {
  return { ...worker, life: worker.life ?? null };
}

export function readRenewalAnswer(value: unknown): RenewalAnswer {
  const it = fields(value, 'renewal answer');
  return {
    statement: readStatement(it.statement),
    seq: uint(it.seq, 'seq'),
    serial: uint(it.serial, 'serial'),
    leftMs: duration(it.leftMs, 'lease'),
    resync: flag(it.resync, 'resync'),
    grants: pairs(it.grants),
    release: pairs(it.release),
    lost: pairs(it.lost),
    giveUp: flag(it.giveUp, 'give up'),
    nonceKnown: flag(it.nonceKnown, 'nonce known'),
  };
}

export function renewalAnswerBody(answer: RenewalAnswer): Fields {
  return { ...answer, grants: flat(answer.grants), release: flat(answer.release), lost: flat(answer.lost) };
}

export function leasesBody(answer: LeasesAnswer): Fields {
  return { ...answer, worker: workerBody(answer.worker), pairs: flat(answer.pairs) };
}

export function readLeasesAnswer(value: unknown): LeasesAnswer {
  const it = fields(value, 'leases');
  return {
    worker: readWorker(it.worker),
    member: text(it.member, 'member'),
    leftMs: duration(it.leftMs, 'lease'),
    pairs: pairs(it.pairs),
  };
}

export function askBody(answer: AskAnswer): Fields {
  return {
    ...answer,
    heardAgoMs: answer.heardAgoMs ?? null,
    controller: answer.controller ?? null,
    workers: answer.workers.map(workerBody),
  };
}

export function readAskAnswer(value: unknown): AskAnswer {
  const it = fields(value, 'answer');
  return {
    controlEpoch: readControlEpoch(it.controlEpoch),
    heardAgoMs: absent(it.heardAgoMs) ? undefined : duration(it.heardAgoMs, 'heard'),
    controller: absent(it.controller) ? undefined : address(it.controller),
    member: text(it.member, 'member'),
    clusterId: text(it.clusterId, 'cluster id'),
    workers: list(it.workers, WORKERS_MAX, 'workers', readWorker),
  };
}

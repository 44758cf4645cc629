/**
 * What may go wrong by itself in a world, and how often. All is off or mild by default; a test names what it wants.
 * Probabilities are per call or segment. What a test does on purpose (crash, pause, cut) is not here but on the machines.
 */
export interface Faults {
  /** One way between two machines, in milliseconds of true time: between the two numbers, anew for each segment. */
  readonly latencyMs: readonly [number, number];
  /** A connection dies with RST on both ends. Per data segment. */
  readonly killConnection: number;
  /** A read gets an arbitrary part of what has arrived. Otherwise all of it. */
  readonly splitReads: number;
  /** After a cut, until the sender tries again. */
  readonly retransmitMsMax: number;
  /** A sender without acknowledgement gives up (ETIMEDOUT) after this long. */
  readonly tcpTimeoutMs: number;
  /** An idle connection over a cut or to a dead machine ends (ETIMEDOUT) after this long. */
  readonly keepAliveMs: number;

  /** Clock rates are 1 ± this. */
  readonly clockRate: number;
  /** Wall clocks are off by up to this. */
  readonly wallSkewMs: number;
  /** Timers run late by up to this. */
  readonly timerLateMs: number;

  /** One way to the storage or its disk. */
  readonly diskLatencyMs: readonly [number, number];
  /** A call takes up to `slowMsMax` longer. */
  readonly slowCall: number;
  readonly slowMsMax: number;
  /** Done, and reported as EIO. Per call that changes something. */
  readonly lostReply: number;
  /** Not done, and reported as EIO. */
  readonly ioError: number;
  /** Nothing (or, of a write, a part) done and reported as ENOSPC. Per call that needs space. */
  readonly noSpace: number;
  /** A write reaches the disk in two steps with time between them, visible to readers, torn by a crash. */
  readonly splitWrite: number;
  /** How long a client believes that a directory it saw missing is missing (shared facts: NFS, section 1: 30 to 60 s). */
  readonly nameCacheMs: readonly [number, number];
  /** How long reads through an open file show old octets and size (acregmin). */
  readonly attributeCacheMs: number;
  /** Above 0: the server's clock tick (NFSv3); a second change of a directory in one tick is not seen by `list`. */
  readonly serverTickMs: number;
  /** How long a removal waits for the delegation of a machine that does not answer (shared facts: NFS, section 3). */
  readonly delegationMs: number;
  /** A local disk loses a name that was not synced when the machine crashes. Per name. */
  readonly unsyncedNameLost: number;
}

export const CALM: Faults = {
  latencyMs: [0.1, 0.5],
  killConnection: 0,
  splitReads: 0,
  retransmitMsMax: 1000,
  tcpTimeoutMs: 60_000,
  keepAliveMs: 35_000,
  clockRate: 0,
  wallSkewMs: 0,
  timerLateMs: 0,
  diskLatencyMs: [0.1, 0.6],
  slowCall: 0,
  slowMsMax: 0,
  lostReply: 0,
  ioError: 0,
  noSpace: 0,
  splitWrite: 0,
  nameCacheMs: [30_000, 60_000],
  attributeCacheMs: 3000,
  serverTickMs: 0,
  delegationMs: 13_000,
  unsyncedNameLost: 0.5,
};

/** Everything goes wrong now and then; what the cluster must live with in production. */
export const STORMY: Faults = {
  ...CALM,
  latencyMs: [0.1, 8],
  killConnection: 0.0005,
  splitReads: 0.2,
  clockRate: 0.05,
  wallSkewMs: 800,
  timerLateMs: 4,
  diskLatencyMs: [0.1, 4],
  slowCall: 0.02,
  slowMsMax: 300,
  lostReply: 0.001,
  ioError: 0.001,
  noSpace: 0.0005,
  splitWrite: 0.2,
};

export type FaultKind =
  | 'kill-connection'
  | 'split-read'
  | 'connection-timeout'
  | 'slow-call'
  | 'lost-reply'
  | 'io-error'
  | 'no-space'
  | 'split-write'
  | 'late-call'
  | 'torn-write'
  | 'call-lost'
  | 'stale-missing'
  | 'stale-read'
  | 'stale-list'
  | 'delegation-wait'
  | 'name-lost'
  | 'process-crash'
  | 'process-pause'
  | 'machine-crash'
  | 'machine-pause'
  | 'network-cut'
  | 'storage-cut'
  | 'storage-stop';

/** How often each kind of fault really happened: a test that wanted one and got none proves nothing. */
export class FaultCounters {
  readonly #counts = new Map<FaultKind, number>();

  add(kind: FaultKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  of(kind: FaultKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** `torn-write 3, late-call 1`. */
  text(): string {
    return [...this.#counts].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none';
  }
}

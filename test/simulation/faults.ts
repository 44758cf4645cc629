/**
 * What may go wrong by itself in a world, and how often. All is off or mild by default; a test names what it wants.
 * Probabilities are per call or segment. What a test does on purpose (crash, pause, cut) is not here but on the machines.
 */
export interface Faults {
  /** One way between two machines, in milliseconds of true time: between the two numbers, anew for each segment. */
  readonly latencyMs: readonly [number, number];
  /** A connection dies with RST on both ends. Per data segment. */
  readonly killConnection: number;
  /** A connection stops passing anything, one way or both, without a word. Per data segment. */
  readonly stallConnection: number;
  /** A segment takes up to `slowWayMsMax` longer. Per data segment. */
  readonly slowWay: number;
  readonly slowWayMsMax: number;
  /** A read gets an arbitrary part of what has arrived. Otherwise all of it. */
  readonly splitReads: number;
  /** After a cut, until the sender tries again. */
  readonly retransmitMsMax: number;
  /** A sender without acknowledgement gives up (ETIMEDOUT) after this long. */
  readonly tcpTimeoutMs: number;
  /** An idle connection over a cut or to a dead machine ends (ETIMEDOUT) after this long. */
  readonly keepAliveMs: number;

  /** A call of the bus is answered, and the answer lost. Per call. */
  readonly answerLost: number;
  /** A request that may be put again arrives twice. Per such call. */
  readonly requestTwice: number;

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
  /** Reported as EIO; not done, or of a write nothing, a part or all of it. */
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
  /** How long a call takes that counts as late: longer than any lease. */
  readonly lateMs: number;
  /** A local disk loses a name that was not synced when the machine crashes. Per name. */
  readonly unsyncedNameLost: number;
}

export const CALM: Faults = {
  latencyMs: [0.1, 0.5],
  killConnection: 0,
  stallConnection: 0,
  slowWay: 0,
  slowWayMsMax: 0,
  splitReads: 0,
  retransmitMsMax: 1000,
  tcpTimeoutMs: 60_000,
  keepAliveMs: 35_000,
  answerLost: 0,
  requestTwice: 0,
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
  lateMs: 2000,
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

/**
 * Every kind of harm that is counted where it really happens. `what` is for a person; docs/simulation.md has the table.
 * `local`: only on a disk of a machine's own. `coarse`: only with a coarse clock of the server.
 */
export const FAULT_KINDS = {
  // Messages between processes.
  'kill-connection': 'a connection is lost with messages under way',
  'stall-connection': 'one connection passes nothing any more, one way or both, and nobody is told',
  'connection-timeout': 'a kernel gives a connection up',
  'split-read': 'a read gives a part of what has arrived',
  'slow-way': 'a segment takes far longer than others between the same machines',
  reordered: 'a segment overtakes one that was sent earlier on another connection of the same two processes',
  'answer-lost': 'a request was answered, and the answer did not come',
  'request-twice': 'a request arrives twice',
  'network-cut': 'one way between two machines is cut',
  'network-split': 'the machines are in two parts that do not reach each other',
  // Processes and machines.
  'process-crash': 'SIGKILL',
  'crash-at-event': 'SIGKILL at the n-th thing that happens to a process',
  'fast-restart': 'a process is started again within a tenth of a second of its end',
  'process-pause': 'SIGSTOP; what its kernel does for it goes on',
  'machine-crash': 'power off',
  'machine-pause': 'a machine stands, its clock goes on',
  'machine-freeze': 'a machine stands, and its clock with it',
  'pause-beyond-lease': 'a pause or freeze that lasted longer than a lease',
  'clock-rate': 'a machine whose clock is off by more than one in a hundred',
  // Storage.
  'slow-call': 'a call takes much longer',
  'failed-sync': 'a write whose sync fails: nothing, a part or all of it is there',
  'io-error': 'any other change that is not done and reported as EIO',
  'lost-reply': 'done, and reported as EIO',
  'no-space': 'ENOSPC',
  'split-write': 'a write that reaches the disk in two steps',
  'torn-write': 'a write of which a part is left by the end of its writer',
  'call-lost': 'a call that its dead caller had made, and that never comes to be',
  'late-call': 'a call held up by a pause, a cut or a stop',
  'late-write': 'a write that succeeds a lease or more after it was asked for',
  'late-creation': 'a creation that does',
  'late-rename': 'a rename that does',
  'stale-missing': 'a name believed to be missing that is there',
  'stale-read': 'octets from the page cache that are not those of the file any more',
  'stale-list': 'a listing without the last change',
  'storage-cut': 'a machine and the storage do not reach each other',
  'storage-half-cut': 'its calls are done and not answered, or not even done',
  'storage-stop': 'the storage answers nobody',
  'storage-slow': 'the storage answers one machine slowly',
  'storage-failing': 'the storage answers one machine with EIO',
  'storage-vanished': 'what one machine sees in place of the mount is an empty directory',
  'pool-full': 'a call waits for a thread of the pool',
  'delegation-wait': 'a removal waits for who holds a delegation',
  'name-lost': 'a local disk loses a name that was not synced',
  'bit-rot': 'octets that were durable are others',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** How often each kind of fault really happened: a test that wanted one and got none proves nothing. */
export class FaultCounters {
  readonly #counts = new Map<FaultKind, number>();

  add(kind: FaultKind): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
  }

  of(kind: FaultKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  counts(): Readonly<Partial<Record<FaultKind, number>>> {
    return Object.fromEntries(this.#counts);
  }

  /** `torn-write 3, late-call 1`. */
  text(): string {
    return [...this.#counts].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none';
  }
}

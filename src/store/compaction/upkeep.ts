/**
 * Keeps the log of one open object short: starts compactions in the background when they are due, writes a snapshot after
 * each, and one at the end when many records came. No failure here is anybody's failure: what cannot be done leaves the
 * log as it is, and is reported.
 */
import { FILE_OCTETS_MAX } from '../log/limits.ts';
import type { Log, LogMaintenance } from '../log/types.ts';
import { compact } from './compact.ts';
import { DEAD_OCTETS_MIN, FILES_MAX, RETRY_AFTER_COMMITS, SNAPSHOT_RECORDS_MIN } from './limits.ts';
import { Turns } from './turns.ts';
import type { CompactionSource } from './types.ts';

export interface UpkeepOptions {
  readonly log: Log;
  readonly maintenance: LogMaintenance;
  readonly source: CompactionSource;
  readonly rest: () => Promise<void>;
  /** Told of what went wrong. */
  readonly report: (error: unknown) => void;
  /** Shared by all objects of a worker. */
  readonly turns?: Turns;
  readonly thresholds?: Partial<Thresholds>;
}

export interface Thresholds {
  readonly filesMax: number;
  readonly deadOctetsMin: number;
  readonly snapshotRecordsMin: number;
}

const THRESHOLDS: Thresholds = {
  filesMax: FILES_MAX,
  deadOctetsMin: DEAD_OCTETS_MIN,
  snapshotRecordsMin: SNAPSHOT_RECORDS_MIN,
};

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #turns: Turns;
  readonly #thresholds: Thresholds;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** A compaction of this opening began and did not end: no place behind its first record is for a snapshot. */
  #isHalfDone = false;
  #notBeforeCommit = 0;
  #commits = 0;
  /** Records since the last snapshot. */
  #records = 0;
  /** What counted when the last compaction of this opening had ended. */
  #compactOctets = 0;
  #exclusive = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#turns = options.turns ?? new Turns();
    this.#thresholds = { ...THRESHOLDS, ...options.thresholds };
    this.#records = options.maintenance.replayed;
  }

  /** A commit of so many records has settled. */
  committed(records: number): void {
    this.#commits++;
    this.#records += records;
    if (this.#mayStart() && this.isDue()) void this.start();
  }

  /** Too many files count, or more of their octets are dead than live. */
  isDue(): boolean {
    const { maintenance, source } = this.#options;
    const { filesMax, deadOctetsMin } = this.#thresholds;
    const counted = maintenance.countedOctets;
    // Files that are full are as few as they can be.
    if (maintenance.files.length - Math.floor(counted / FILE_OCTETS_MAX) > filesMax) return true;
    if (counted < deadOctetsMin) return false;
    // The estimate may be low: what a compaction could not make smaller is not dead.
    const live = Math.max(source.liveOctets(), this.#compactOctets);
    return counted - live > Math.max(live, deadOctetsMin);
  }

  /** Compacts in the background now, unless that is under way or cannot be done. Resolves when it has ended. */
  start(): Promise<void> {
    if (!this.#mayStart()) return this.#running ?? Promise.resolve();
    this.#running = this.#turns
      .run(() => this.#compact())
      .catch((error: unknown) => {
        this.#notBeforeCommit = this.#commits + RETRY_AFTER_COMMITS;
        if (!this.#stop.signal.aborted) this.#options.report(error);
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** Runs work during which no compaction may run: one that runs is waited for, the next begins after it. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#exclusive++;
    try {
      await this.#running;
      return await work();
    } finally {
      this.#exclusive--;
    }
  }

  /** Ends a compaction that runs, between two slices. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the object is closed'));
    await this.#running;
  }

  /** A last snapshot, when enough has happened; taken at once, from a state that nobody changes any more. Never rejects. */
  async snapshotAtClose(): Promise<void> {
    if (this.#records >= this.#thresholds.snapshotRecordsMin)
      await this.#snapshot().catch(this.#options.report);
  }

  #mayStart(): boolean {
    return (
      this.#running === undefined &&
      this.#exclusive === 0 &&
      !this.#stop.signal.aborted &&
      this.#commits >= this.#notBeforeCommit &&
      !this.#options.maintenance.isDamaged
    );
  }

  async #compact(): Promise<void> {
    const { signal } = this.#stop;
    const { maintenance } = this.#options;
    this.#isHalfDone = true;
    await compact({ ...this.#options, signal });
    this.#isHalfDone = false;
    this.#compactOctets = maintenance.countedOctets;
    await this.#snapshot();
  }

  async #snapshot(): Promise<void> {
    const { maintenance, source } = this.#options;
    if (this.#isHalfDone) return;
    const records = this.#records;
    const content = source.snapshot();
    if (content === undefined) return;
    await maintenance.writeSnapshot(() => content);
    this.#records -= records;
  }
}

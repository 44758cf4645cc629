/**
 * Keeps the log of one open object short: starts compactions in the background when they are due, writes a snapshot after
 * each, and one at the end when many records came. No failure here is anybody's failure: what cannot be done leaves the
 * log as it is, and is reported.
 */
import { Turns } from '../../lib/turns.ts';
import { FILE_OCTETS_MAX } from '../log/limits.ts';
import type { InTurn, Log, LogMaintenance } from '../log/types.ts';
import { compact } from './compact.ts';
import {
  CLOSING_SNAPSHOTS_MAX,
  COMPACTIONS_MAX,
  DEAD_OCTETS_MIN,
  FILES_MAX,
  RETRY_AFTER_COMMITS,
  SNAPSHOT_RECORDS_MIN,
} from './limits.ts';
import type { CompactionSource } from './types.ts';

export interface UpkeepOptions {
  readonly log: Log;
  readonly maintenance: LogMaintenance;
  readonly source: CompactionSource;
  readonly rest: () => Promise<void>;
  /** Told of what went wrong. */
  readonly report: (error: unknown) => void;
  /** Shared by all objects of a worker. */
  readonly turns?: UpkeepTurns;
  readonly thresholds?: Partial<Thresholds>;
}

/** How many go on at a time in a worker. */
export interface UpkeepTurns {
  readonly compactions: Turns;
  /** Last snapshots of closed objects. */
  readonly closing: Turns;
}

export function upkeepTurns(): UpkeepTurns {
  return { compactions: new Turns(COMPACTIONS_MAX), closing: new Turns(CLOSING_SNAPSHOTS_MAX) };
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
  readonly #turns: UpkeepTurns;
  readonly #thresholds: Thresholds;
  #stopped = false;
  /** A compaction that waits for its turn or runs, or whose snapshot is being written. */
  #running: Running | undefined;
  /** Snapshots being written. */
  readonly #writing = new Set<Promise<void>>();
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
    this.#turns = options.turns ?? upkeepTurns();
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
    if (!this.#mayStart()) return this.#running?.done ?? Promise.resolve();
    const cancel = new AbortController();
    const { signal } = cancel;
    const compacted = Promise.withResolvers<void>();
    const done = this.#turns.compactions
      .run(async () => {
        await this.#compact(signal);
        // Its turn lasts until the snapshot is written, as that is what takes memory; who stops it does not wait for that.
        const written = this.#snapshot();
        compacted.resolve();
        await written;
      }, signal)
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.#notBeforeCommit = this.#commits + RETRY_AFTER_COMMITS;
        this.#options.report(error);
      })
      .finally(() => {
        this.#running = undefined;
        compacted.resolve();
      });
    this.#running = { done, compacted: compacted.promise, cancel };
    return done;
  }

  /** Runs work during which no compaction may run: one under way is ended, and is due again with a later commit. */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#exclusive++;
    try {
      await this.#cancel(new Error('something larger has to be done at once'));
      return await work();
    } finally {
      this.#exclusive--;
    }
  }

  /** Ends a compaction that runs, between two slices; one that waits for its turn at once. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#cancel(new Error('the object is closed'));
  }

  async #cancel(reason: Error): Promise<void> {
    this.#running?.cancel.abort(reason);
    await this.#running?.compacted;
  }

  /**
   * A last snapshot, when enough has happened, of a state that nobody changes any more; begun before the log is closed.
   * Whoever closes does not wait for it. Never rejects.
   */
  async snapshotAtClose(): Promise<void> {
    if (this.#records < this.#thresholds.snapshotRecordsMin) return;
    await this.#snapshot((work) => this.#turns.closing.run(work)).catch(this.#options.report);
  }

  /** Resolves when no snapshot is being written any more. Never rejects. */
  async written(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  #mayStart(): boolean {
    return (
      this.#running === undefined &&
      this.#exclusive === 0 &&
      !this.#stopped &&
      this.#commits >= this.#notBeforeCommit &&
      !this.#options.maintenance.isDamaged
    );
  }

  async #compact(signal: AbortSignal): Promise<void> {
    const { maintenance } = this.#options;
    this.#isHalfDone = true;
    await compact({ ...this.#options, signal });
    this.#isHalfDone = false;
    this.#compactOctets = maintenance.countedOctets;
  }

  async #snapshot(inTurn?: InTurn): Promise<void> {
    if (this.#isHalfDone) return;
    const records = this.#records;
    this.#records = 0;
    const written = this.#writeSnapshot(inTurn);
    this.#writing.add(written);
    try {
      await written;
    } catch (error) {
      this.#records += records;
      throw error;
    } finally {
      this.#writing.delete(written);
    }
  }

  async #writeSnapshot(inTurn: InTurn | undefined): Promise<void> {
    const { maintenance, source } = this.#options;
    await maintenance.writeSnapshot(() => source.snapshot(), inTurn);
  }
}

interface Running {
  /** Resolves when the snapshot behind it is written too. */
  readonly done: Promise<void>;
  /** Resolves when it has ended, well or not. */
  readonly compacted: Promise<void>;
  /** What ends it: in line at once, running between two slices. */
  readonly cancel: AbortController;
}

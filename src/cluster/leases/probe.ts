/** The storage probe of a worker that owns slots: its leases show something only while the storage answers. */
import type { AppendFile, Clock, Fs } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import { Complaint } from '../complaint.ts';
import type { ClusterLogger, ClusterTimes, NodeStorage } from '../types.ts';

/** A full or read-only storage has answered: it is there. */
const ANSWERS: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/**
 * "A backend whose last storage probe (write and sync, started from the timer, never awaited by it) is older than the
 * lease stops showing and renewing." Age is counted from before the write was started.
 */
export class StorageProbe {
  readonly #fs: Fs;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #times: ClusterTimes;
  readonly #complaint: Complaint;
  #file: AppendFile | undefined;
  #attempt = 0;
  #running = false;
  #lastStartedAt = -Infinity;
  #latencyMs: number | undefined;

  constructor(
    fs: Fs,
    clock: Clock,
    storage: NodeStorage,
    incarnation: Incarnation,
    times: ClusterTimes,
    logger: ClusterLogger,
  ) {
    this.#complaint = new Complaint(logger, 'storage probe failed');
    this.#fs = fs;
    this.#clock = clock;
    this.#path = `${storage.root}/.cluster/probe/${incarnation}`;
    this.#times = times;
  }

  ageMs(now: number): number {
    return now - this.#lastStartedAt;
  }

  isFresh(now: number): boolean {
    return this.ageMs(now) <= this.#times.slotLeaseMs;
  }

  /** How long the newest one that was answered took. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Starts one write and sync unless one is under way. Never waits, never throws. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    const startedAt = this.#clock.monotonicMs();
    void this.#write()
      .then(
        () => {
          this.#complaint.over();
          this.#answered(startedAt);
        },
        (error: unknown) => {
          this.#complaint.about(error);
          this.#giveUpFile();
          if (ANSWERS.has((error as NodeJS.ErrnoException).code)) this.#answered(startedAt);
        },
      )
      .finally(() => {
        this.#running = false;
      });
  }

  /** Closes and removes the file. Nobody ever reads it, so no delegation of a dead client holds the removal up. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await file.close();
    await this.#fs.remove(`${this.#path}.${this.#attempt}`);
  }

  /** After an error nothing more is written to that file: the next probe makes another one. */
  #giveUpFile(): void {
    const file = this.#file;
    const path = `${this.#path}.${this.#attempt}`;
    this.#file = undefined;
    if (file === undefined) return;
    // Closed, or a full storage would use up our descriptors; removed, or probes would fill it up with names.
    void file
      .close()
      .then(() => this.#fs.remove(path))
      .catch(() => undefined); // the storage is not well, as the probe has found already
  }

  #answered(startedAt: number): void {
    this.#lastStartedAt = startedAt;
    this.#latencyMs = this.#clock.monotonicMs() - startedAt;
  }

  async #write(): Promise<void> {
    this.#file ??= await this.#fs.createExclusive(`${this.#path}.${++this.#attempt}`);
    await this.#file.writeDurably([Buffer.from('probe\n')], 0);
  }
}

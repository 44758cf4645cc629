/**
 * Removes files that no longer count (docs/storage.md, purge). Nobody but a deposed taker can still be reading them, and
 * it had its lease before ours began: so an owner that has held this very grant for a day removes them, after a renewal
 * sent now has confirmed the grant. Never in a take-over: this is work for an idle object.
 */
import type { Logger } from '../../lib/logging.ts';
import type { Clock, Fs } from '../../platform/platform.ts';
import { PURGE_AFTER_MS } from './limits.ts';
import { filePath } from './names.ts';
import type { FileCount, Lease } from './types.ts';

/** How long each grant has been held, by the monotonic clock; one for all logs of a worker, so that it outlives them. */
export class Holdings {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #purgeAfterMs: number;
  readonly #since = new WeakMap<Lease, number>();

  /** `purgeAfterMs` must be longer than any deposed taker can go on reading. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, purgeAfterMs = PURGE_AFTER_MS) {
    this.#clock = clock;
    this.#purgeAfterMs = purgeAfterMs;
  }

  /** An object is opened under this grant. */
  note(lease: Lease): void {
    if (!this.#since.has(lease)) this.#since.set(lease, this.#clock.monotonicMs());
  }

  /** Held without a break, and since `fromMs` too, for so long that nobody reads what it has given up. */
  isLong(lease: Lease, fromMs: number): boolean {
    const since = this.#since.get(lease);
    if (since === undefined || !lease.held()) return false;
    return this.#clock.monotonicMs() - Math.max(since, fromMs) >= this.#purgeAfterMs;
  }
}

/** Numbers below the head that do not count. The head itself is never among them, so the highest number stays. */
export function purgeable(numbers: readonly number[], files: readonly FileCount[]): readonly number[] {
  const head = files.at(-1)?.file ?? 0;
  const counts = new Set(files.map(({ file }) => file));
  return [...new Set(numbers)].filter((number) => number < head && !counts.has(number));
}

export interface PurgingOptions {
  readonly fs: Fs;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly directory: string;
  readonly object: string;
  readonly lease: Lease;
  readonly logger: Logger;
}

/** The purge of one open log: looks once an opening, and again after each compaction. */
export class Purging {
  readonly #options: PurgingOptions;
  readonly #holdings: Holdings;
  #replacedMs = 0;
  #isDone = false;

  constructor(options: PurgingOptions, holdings: Holdings) {
    this.#options = options;
    this.#holdings = holdings;
    holdings.note(options.lease);
  }

  /** Files were given up just now: reads of our own may be under way in them. */
  replaced(): void {
    this.#replacedMs = this.#options.clock.monotonicMs();
    this.#isDone = false;
  }

  /** Of an object that was taken, and is idle. Never rejects: what goes wrong is done another time. */
  async purge(files: readonly FileCount[], numbers: readonly number[]): Promise<void> {
    const { fs, directory, lease, object, logger } = this.#options;
    if (this.#isDone || !this.#holdings.isLong(lease, this.#replacedMs)) return;
    this.#isDone = true;
    let removed = 0;
    try {
      const gone = purgeable(numbers, files);
      if (gone.length === 0 || !(await lease.confirm())) return;
      for (const number of gone) {
        if (!lease.held()) break;
        await fs.remove(filePath(directory, number));
        removed++;
      }
    } catch (err) {
      logger.warn({ object, err }, 'files of a log that no longer count could not be removed');
    }
    if (removed > 0) logger.info({ object, removed }, 'files of a log that no longer count were removed');
  }
}

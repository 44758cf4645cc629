/**
 * Opens the logs of a host's objects: knows the root, hands the seals of a failed log to the next opening of the same
 * object under the same grant, and gives each log to its object in a form that can be taken away.
 */
import { Holdings } from '../log/purge.ts';
import type { Lease, LogRecord, Restore } from '../log/types.ts';
import type { HostOptions } from './host.ts';
import { RevocableLog } from './revocable-log.ts';
import type { HostedLog, LogOptions } from './types.ts';

type WithLog = (
  replay: (record: LogRecord) => void,
  knownTypes: ReadonlySet<number>,
  restore?: Restore,
) => Promise<RevocableLog>;

type Where = Pick<LogOptions, 'directory' | 'object' | 'lease' | 'makeDirectory'>;

export class LogOpener {
  readonly #options: HostOptions;
  /** By grant, then object: under a later grant a seal means nothing (docs/storage.md), so they end with their lease. */
  readonly #seals = new WeakMap<Lease, Map<string, HostedLog['sealed']>>();
  readonly #holdings: Holdings;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#holdings = new Holdings(options.platform.clock);
  }

  /** `build` makes the object and calls its argument once to open the log. */
  async open<T>(
    /** The directory is relative to the root of the shared storage. */
    where: Where,
    build: (openLog: WithLog) => Promise<T>,
  ): Promise<{ readonly value: T; readonly log: RevocableLog }> {
    let log: RevocableLog | undefined;
    try {
      const value = await build(async (replay, knownTypes, restore) => {
        log = await this.#openLog(where, replay, knownTypes, restore);
        return log;
      });
      if (log === undefined) throw new Error('an object opened without its log');
      return { value, log };
    } catch (error) {
      log?.revoke(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  async #openLog(
    where: Where,
    replay: (record: LogRecord) => void,
    knownTypes: ReadonlySet<number>,
    restore: Restore | undefined,
  ): Promise<RevocableLog> {
    const { platform, root, logger, fence, openLog } = this.#options;
    const seals = this.#seals.get(where.lease)?.get(where.object);
    const log = await openLog({
      ...platform,
      ...where,
      directory: `${root}/${where.directory}`,
      logger,
      fence,
      knownTypes,
      replay,
      holdings: this.#holdings,
      ...(restore === undefined ? {} : { restore }),
      ...(seals === undefined ? {} : { seals }),
    });
    // Closed in order, all of it counts and a close record says so: nothing is left to be sealed.
    const closed = (): void => void this.#seals.get(where.lease)?.delete(where.object);
    void log.failed.then(() => this.#seal(where, log.sealed));
    return new RevocableLog(log, closed);
  }

  /** The newer seals include those it was opened with. */
  #seal({ lease, object }: Where, sealed: HostedLog['sealed']): void {
    if (sealed.size === 0) return;
    const seals = this.#seals.get(lease) ?? new Map<string, HostedLog['sealed']>();
    this.#seals.set(lease, seals.set(object, sealed));
  }
}

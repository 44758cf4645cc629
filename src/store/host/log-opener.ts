/**
 * Opens the logs of a host's objects: knows the root, hands the seals of a failed log to the next opening of the same
 * object under the same grant, and gives each log to its object in a form that can be taken away.
 */

import type { OpenLogOptions } from '../log/options.ts';
import { Holdings } from '../log/purge.ts';
import { Seals } from '../log/seals.ts';
import type { Lease, LogRecord, Restore } from '../log/types.ts';
import type { HostOptions } from './host.ts';
import { RevocableLog } from './revocable-log.ts';

type WithLog = (
  replay: (record: LogRecord) => void,
  knownTypes: ReadonlySet<number>,
  restore?: Restore,
) => Promise<RevocableLog>;

type Where = Pick<OpenLogOptions, 'directory' | 'object' | 'lease' | 'makeDirectory'>;

export class LogOpener {
  readonly #options: HostOptions;
  /** By grant, then object: under a later grant a seal means nothing (docs/storage.md), so they end with their lease. */
  readonly #seals = new WeakMap<Lease, Map<string, Seals>>();
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
    const seals = this.#sealsOf(where);
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
      seals,
    }).catch((error: unknown) => {
      // What an opening created and did not finish is ours all the same: the next one must know.
      if (seals.size === 0 && seals.takeNotBeforeMs === 0) this.#forget(where);
      throw error;
    });
    // Closed in order, all of it counts and a close record says so: nothing is left to be sealed. Not so when there was no
    // space for a file of its own: then what failed before is the head still.
    return new RevocableLog(log, () => {
      if (seals.takeNotBeforeMs === 0) this.#forget(where);
    });
  }

  /** One for every opening of the object under this grant. */
  #sealsOf({ lease, object }: Where): Seals {
    const ofLease = this.#seals.get(lease) ?? new Map<string, Seals>();
    const seals = ofLease.get(object) ?? new Seals();
    this.#seals.set(lease, ofLease.set(object, seals));
    return seals;
  }

  #forget({ lease, object }: Where): void {
    this.#seals.get(lease)?.delete(object);
  }
}

/**
 * Opens the logs of a host's objects: knows the root, hands the seals of a failed log to the next opening of the same
 * object, and gives each log to its object in a form that can be taken away.
 */
import type { LogRecord } from '../log/types.ts';
import type { HostOptions } from './host.ts';
import { RevocableLog } from './revocable-log.ts';
import type { HostedLog, LogOptions } from './types.ts';

type WithLog = (
  replay: (record: LogRecord) => void,
  knownTypes: ReadonlySet<number>,
) => Promise<RevocableLog>;

/** Objects whose failed files are remembered; each entry ends with the process, the oldest goes first. */
const SEALS_MAX = 50_000;

export class LogOpener {
  readonly #options: HostOptions;
  readonly #seals = new Map<string, ReadonlyMap<number, number>>();

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** `build` makes the object and calls its argument once to open the log. */
  async open<T>(
    where: Pick<LogOptions, 'object' | 'lease' | 'makeDirectory'> & {
      /** Relative to the root of the shared storage. */
      readonly directory: string;
    },
    build: (openLog: WithLog) => Promise<T>,
  ): Promise<{ readonly value: T; readonly log: RevocableLog }> {
    let log: RevocableLog | undefined;
    try {
      const value = await build(async (replay, knownTypes) => {
        log = await this.#openLog(where, replay, knownTypes);
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
    where: Pick<LogOptions, 'directory' | 'object' | 'lease' | 'makeDirectory'>,
    replay: (record: LogRecord) => void,
    knownTypes: ReadonlySet<number>,
  ): Promise<RevocableLog> {
    const { platform, root, logger, fence, openLog } = this.#options;
    const seals = this.#seals.get(where.object);
    const log = await openLog({
      ...platform,
      ...where,
      directory: `${root}/${where.directory}`,
      logger,
      fence,
      knownTypes,
      replay,
      ...(seals === undefined ? {} : { seals }),
    });
    const revocable = new RevocableLog(log);
    void log.failed.then(() => this.#seal(where.object, log.sealed));
    return revocable;
  }

  /** The newer seals include those it was opened with. */
  #seal(object: string, sealed: HostedLog['sealed']): void {
    this.#seals.delete(object);
    if (sealed.size === 0) return;
    this.#seals.set(object, sealed);
    if (this.#seals.size > SEALS_MAX)
      for (const oldest of this.#seals.keys()) return void this.#seals.delete(oldest);
  }
}

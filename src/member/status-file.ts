/**
 * `<base>/status.json`: what runs here and where it listens, for the lab, scripts and people. Written when something
 * changed, the last state wins; derived, never read back by the member. What changes all the time is not in it: `/status.json`
 * of the administration over HTTP has that.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NotReady } from '../cluster/not-ready.ts';
import type { Role } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Address, Fs } from '../platform/platform.ts';
import type { Services } from './protocol.ts';

export const STATUS_FILE = 'status.json';

export interface Status {
  readonly name: string;
  readonly role: Role;
  /** `ready`: every worker listens and the member shows the cluster's state. */
  readonly state: 'starting' | 'ready' | 'not-ready' | 'stopping';
  /** The supervisor's. */
  readonly pid: number;
  readonly workers: readonly number[];
  /** The supervisor's bus. */
  readonly address: Address;
  readonly isController: boolean;
  /** Of the controller that is heard; null while none is. */
  readonly controlEpoch: number | null;
  /** Of the program. */
  readonly version: string;
  /** UTC, RFC 3339. */
  readonly startedAt: string;
  /** Why this member stands for nothing, for people; null when all is well. */
  readonly refusal: string | null;
  /** An operator has made it Not-Ready: it takes nothing new. */
  readonly notReady: NotReady | null;
  /** By name of the service: its address, the first one where it has several. */
  readonly services: Services;
}

/** Of the member that runs on this base folder, for commands that talk to it. Failure 'unavailable' when none does. */
export async function readStatus(base: string): Promise<Status> {
  const path = join(base, STATUS_FILE);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Status;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? `no member runs on ${base}` : `${path}: cannot be read (${code ?? message})`;
    throw new Failure('unavailable', `${why}: start the member first, or name its folder with --Base`, {
      cause,
    });
  }
}

export class StatusFile {
  readonly #fs: Pick<Fs, 'replace' | 'remove'>;
  readonly #path: string;
  readonly #logger: Logger;
  #wanted: string | undefined;
  #written: string | undefined;
  #writing: Promise<void> | undefined;
  /** The newest write failed, as the log says already. */
  #fails = false;
  #ended = false;

  constructor(fs: Pick<Fs, 'replace' | 'remove'>, base: string, logger: Logger) {
    this.#fs = fs;
    this.#path = join(base, STATUS_FILE);
    this.#logger = logger;
  }

  /** Writes it unless it is what stands there already. Resolves when it, or a later one, is written; never rejects. */
  write(status: Status): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#wanted = `${JSON.stringify(status, undefined, 2)}\n`;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Removes it for good: what is still being written does not bring it back. Never rejects. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#writing;
    await this.#fs.remove(this.#path).catch((err: unknown) => {
      this.#logger.warn({ err, file: this.#path }, 'status not removed');
    });
  }

  async #write(): Promise<void> {
    while (this.#wanted !== undefined && this.#wanted !== this.#written) {
      const text = this.#wanted;
      try {
        await this.#fs.replace(this.#path, Buffer.from(text));
        this.#written = text;
        this.#fails = false;
      } catch (err) {
        if (!this.#fails) this.#logger.warn({ err, file: this.#path }, 'status not written');
        this.#fails = true;
        // What stands there is anybody's guess; the next state, or this one asked for again, tries again.
        this.#written = undefined;
        return;
      }
    }
  }
}

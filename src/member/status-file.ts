/**
 * `<base>/status.json`: what runs here and where it listens, for the lab, scripts and people. Written when something
 * changed, the last state wins; derived, never read back by the member.
 */
import { join } from 'node:path';
import type { Role } from '../cluster/types.ts';
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
  readonly services: Services;
}

export class StatusFile {
  readonly #fs: Pick<Fs, 'replace'>;
  readonly #path: string;
  readonly #logger: Logger;
  #wanted: string | undefined;
  #written: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(fs: Pick<Fs, 'replace'>, base: string, logger: Logger) {
    this.#fs = fs;
    this.#path = join(base, STATUS_FILE);
    this.#logger = logger;
  }

  /** Writes it unless it is what stands there already. Resolves when it, or a later one, is written; never rejects. */
  write(status: Status): Promise<void> {
    this.#wanted = `${JSON.stringify(status, undefined, 2)}\n`;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#wanted !== undefined && this.#wanted !== this.#written) {
      const text = this.#wanted;
      try {
        await this.#fs.replace(this.#path, Buffer.from(text));
      } catch (err) {
        this.#logger.warn({ err, file: this.#path }, 'status not written');
      }
      this.#written = text;
    }
  }
}

/** An error of something that is tried every Heartbeat: told to the log when it begins, changes and ends, and not in between. */
import type { LogFields } from '../lib/logging.ts';
import type { ClusterLogger } from './types.ts';

export class Complaint {
  readonly #logger: ClusterLogger;
  readonly #message: string;
  #told: string | undefined;

  constructor(logger: ClusterLogger, message: string) {
    this.#logger = logger;
    this.#message = message;
  }

  about(error: unknown, fields: LogFields = {}): void {
    const what = describe(error);
    if (what === this.#told) return;
    this.#told = what;
    this.#logger.warn({ ...fields, err: error }, this.#message);
  }

  /** It went well. */
  over(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#logger.info({}, `${this.#message}: over`);
  }
}

/** Codes and not texts where there are any: paths and numbers in a text may be others each time. */
function describe(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : String(error);
}

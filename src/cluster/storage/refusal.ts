/** Why a node of a backend stands for nothing: one line for people, told to the log whenever it changes. */
import { logEvent } from '../events.ts';
import type { ClusterLogger } from '../types.ts';

export const NOT_CHECKED = 'storage not checked yet';

export class Refusal {
  readonly #logger: ClusterLogger;
  #why: string | undefined;

  /** `why`: at first, before anything was looked at; not told. */
  constructor(logger: ClusterLogger, why: string | undefined) {
    this.#logger = logger;
    this.#why = why;
  }

  /** Undefined when all is well. */
  get why(): string | undefined {
    return this.#why;
  }

  set(why: string | undefined): void {
    if (why === this.#why) return;
    this.#why = why;
    if (why === undefined) logEvent(this.#logger, 'storage-accepted');
    else logEvent(this.#logger, 'storage-refused', { refusal: why });
  }
}

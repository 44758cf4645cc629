/** When a worker that died is started again: at once the first time, ever later while it keeps dying young. */

export interface BackoffLimits {
  /** The pause after the second death in a row; each further one doubles it. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A worker that lived so long starts a new row. */
  readonly healthyMs: number;
}

const BACKOFF_LIMITS: BackoffLimits = { firstMs: 100, maxMs: 10_000, healthyMs: 10_000 };

export class Backoff {
  readonly #limits: BackoffLimits;
  #deaths = 0;

  constructor(limits: BackoffLimits = BACKOFF_LIMITS) {
    this.#limits = limits;
  }

  /** The pause before the next start, after a death at the age of `livedMs`. */
  died(livedMs: number): number {
    if (livedMs >= this.#limits.healthyMs) this.#deaths = 0;
    const pauseMs = this.#deaths === 0 ? 0 : this.#limits.firstMs * 2 ** (this.#deaths - 1);
    this.#deaths++;
    return Math.min(pauseMs, this.#limits.maxMs);
  }
}

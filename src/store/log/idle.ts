/** Tells when something has not been used for a while. One timer at a time, which looks again when it was early. */
import type { Clock, Timer } from '../../platform/platform.ts';

export interface IdleOptions {
  readonly clock: Clock;
  readonly afterMs: number;
  /** Something is under way; that counts as use. */
  readonly isBusy: () => boolean;
  /** Called once for each time of being idle. */
  readonly idle: () => void;
}

export class Idle {
  readonly #options: IdleOptions;
  #timer: Timer | undefined;
  #lastUseMs = 0;
  #isOver = false;

  constructor(options: IdleOptions) {
    this.#options = options;
  }

  /** Used just now: the time begins anew. */
  touch(): void {
    this.#lastUseMs = this.#options.clock.monotonicMs();
    if (this.#timer === undefined && !this.#isOver) this.#arm(this.#options.afterMs);
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    const { clock, afterMs, isBusy, idle } = this.#options;
    this.#timer = clock.timer(delayMs, () => {
      this.#timer = undefined;
      const leftMs = this.#lastUseMs + afterMs - clock.monotonicMs();
      if (leftMs > 0 || isBusy()) this.#arm(Math.max(leftMs, 1));
      else idle();
    });
  }
}

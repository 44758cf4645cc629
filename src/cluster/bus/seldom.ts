/** Lines of the log that a peer can cause: each at most once in a while, and not more of them than a bound. */
import type { Clock } from '../../platform/platform.ts';

/** The same line again no sooner than this. */
const AGAIN_MS = 10_000;
/** Different lines within that time. */
const LINES_MAX = 64;

export class Seldom {
  readonly #clock: Clock;
  readonly #said = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a line about this may be written now. */
  may(about: string): boolean {
    const now = this.#clock.monotonicMs();
    for (const [key, at] of this.#said) {
      // In the order of time, as a line is set anew each time.
      if (now - at < AGAIN_MS) break;
      this.#said.delete(key);
    }
    if (this.#said.has(about) || this.#said.size >= LINES_MAX) return false;
    this.#said.set(about, now);
    return true;
  }
}

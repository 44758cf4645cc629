/**
 * When the controller's statement goes out besides each Heartbeat: soon after the map has changed, and then at bounded
 * intervals, as a move of many slots is one piece of news; and at once when authority runs out.
 */
import type { Clock, Timer } from '../../platform/platform.ts';

/** News of the map go out so long after a change … */
const ANNOUNCE_MS = 5;
/** … and no sooner after the last statement than this; who guessed wrong meanwhile asks for the map itself. */
const ANNOUNCE_AGAIN_MS = 50;

export class Announcer {
  readonly #clock: Clock;
  readonly #send: () => void;
  #sentAt = -Infinity;
  #soon: Timer | undefined;
  #later: Timer | undefined;
  #stopped = false;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  now(): void {
    this.#sentAt = this.#clock.monotonicMs();
    this.#send();
  }

  soon(): void {
    if (this.#stopped) return;
    const delayMs = Math.max(ANNOUNCE_MS, this.#sentAt + ANNOUNCE_AGAIN_MS - this.#clock.monotonicMs());
    this.#soon ??= this.#clock.timer(delayMs, () => {
      this.#soon = undefined;
      this.now();
    });
  }

  /** Once, in place of what was asked for before, if `isDue` by then. */
  after(delayMs: number, isDue: () => boolean): void {
    if (this.#stopped) return;
    this.#later?.cancel();
    this.#later = this.#clock.timer(delayMs, () => {
      if (isDue()) this.now();
    });
  }

  /** Nothing of its own goes out any more; `now` does. */
  stop(): void {
    this.#stopped = true;
    this.#soon?.cancel();
    this.#later?.cancel();
  }
}

/**
 * Long work in slices: nothing may hold the event loop for long (docs/architecture.md, invariant 8). A loop asks `due`
 * where it is cheap to stop, and rests one turn when its slice is used up.
 */
import type { Clock } from './platform.ts';

/** What a command may use of the loop in one go. */
const SLICE_MS = 8;

export class Slices {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #until: number;

  /** `signal` ends the work: `rest` then rejects with its reason. */
  constructor(clock: Clock, signal?: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#until = clock.monotonicMs() + SLICE_MS;
  }

  get due(): boolean {
    return this.#clock.monotonicMs() >= this.#until;
  }

  /** Lets everything else have its turn. */
  async rest(): Promise<void> {
    await this.#clock.sleep(0, this.#signal);
    this.#until = this.#clock.monotonicMs() + SLICE_MS;
  }
}

/**
 * The clock of this machine. Timers are Node's own: they run from the event loop and never need libuv's thread pool, so
 * that leases are kept and given up in time while the pool hangs on a dead mount (docs/architecture.md, section 3).
 */
import type { Clock, Timer } from '../platform.ts';
import { sleepBy } from '../sleep.ts';

/** setTimeout takes 31 bits; a longer delay is waited for in parts. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export class RealClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  timer(delayMs: number, run: () => void): Timer {
    return new RealTimer(delayMs, run);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delayMs, signal);
  }
}

/** The loop's own time is in whole milliseconds, so setTimeout can be early by a part of one: look, and wait the rest. */
class RealTimer implements Timer {
  readonly #dueMs: number;
  readonly #run: () => void;
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, run: () => void) {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a number of milliseconds');
    this.#run = run;
    this.#dueMs = performance.now() + Math.max(0, delayMs);
    this.#handle = this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(): NodeJS.Timeout {
    const leftMs = Math.max(0, this.#dueMs - performance.now());
    return setTimeout(() => this.#fire(), Math.min(Math.ceil(leftMs), DELAY_MS_MAX));
  }

  #fire(): void {
    if (performance.now() < this.#dueMs) this.#handle = this.#arm();
    else this.#run();
  }
}

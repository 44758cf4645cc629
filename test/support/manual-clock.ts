/**
 * A clock that only a test moves. `advance` runs the timers that fall due, in order of their times, and lets promises
 * and immediates settle after each, so that what a timer started is done before the next timer runs.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/platform/platform.ts';
import { sleepBy } from '../../src/platform/sleep.ts';

const WALL_START_MS = Date.UTC(2026, 0, 1);

interface Pending {
  readonly dueMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #wallAheadMs: number;
  readonly #pending = new Set<Pending>();

  constructor(options: { readonly monotonicMs?: number; readonly wallMs?: number } = {}) {
    this.#nowMs = options.monotonicMs ?? 1000;
    this.#wallAheadMs = (options.wallMs ?? WALL_START_MS) - this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return Math.floor(this.#nowMs + this.#wallAheadMs);
  }

  timer(delayMs: number, run: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a number of milliseconds');
    const pending: Pending = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delayMs, signal);
  }

  /** Timers not yet run or cancelled. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves time on, running what falls due. Resolves when all of it, and what it set going, has settled. */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    await immediate();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#pending.delete(next);
      next.run();
      await immediate();
    }
    this.#nowMs = until;
  }

  /** Moves the time without running any timer, as a machine does that stood still. */
  leap(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the wall clock, which may jump; timers and the monotonic clock take no notice. */
  setWall(ms: number): void {
    this.#wallAheadMs = ms - this.#nowMs;
  }

  #next(until: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending)
      if (pending.dueMs <= until && (first === undefined || pending.dueMs < first.dueMs)) first = pending;
    return first;
  }
}

/**
 * The clock of a machine: its own rate and offset against true time, which nobody in the world can read. It may stand
 * still while the machine is paused. `ProcessClock` adds the timers of one process.
 */
import type { Clock, Timer } from '../../src/platform/platform.ts';
import { sleepBy } from '../../src/platform/sleep.ts';
import type { SimProcess } from './machine.ts';
import type { World } from './world.ts';

const WALL_START_MS = Date.UTC(2026, 0, 1);

export class MachineClock {
  readonly #world: World;
  readonly rate: number;
  #offsetMs: number;
  #wallOffsetMs: number;
  #stillSinceMs: number | undefined;
  #stoodStillMs = 0;

  constructor(world: World, random: { unit(): number }) {
    const { clockRate, wallSkewMs } = world.faults;
    this.#world = world;
    this.rate = 1 + clockRate * (2 * random.unit() - 1);
    this.#offsetMs = Math.floor(random.unit() * 1_000_000);
    this.#wallOffsetMs = WALL_START_MS + Math.floor(wallSkewMs * (2 * random.unit() - 1));
  }

  monotonicMs(): number {
    const trueMs = this.#stillSinceMs ?? this.#world.nowMs;
    return this.#offsetMs + (trueMs - this.#stoodStillMs) * this.rate;
  }

  /** It stands still now. */
  get isStill(): boolean {
    return this.#stillSinceMs !== undefined;
  }

  /** Goes on while the machine stands still, as people's clocks do. */
  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#world.nowMs * this.rate);
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  stop(): void {
    this.#stillSinceMs ??= this.#world.nowMs;
  }

  start(): void {
    if (this.#stillSinceMs === undefined) return;
    this.#stoodStillMs += this.#world.nowMs - this.#stillSinceMs;
    this.#stillSinceMs = undefined;
  }

  /** A machine that starts counts from the start. */
  reboot(): void {
    this.#offsetMs -= this.monotonicMs();
  }

  /** True milliseconds until this clock shows so many more, if it does not stop. */
  trueDelay(ms: number): number {
    return ms / this.rate;
  }
}

export class ProcessClock implements Clock {
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  monotonicMs(): number {
    return this.#process.machine.clock.monotonicMs();
  }

  wallMs(): number {
    return this.#process.machine.clock.wallMs();
  }

  timer(delayMs: number, run: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a number of milliseconds');
    const clock = this.#process.machine.clock;
    const dueMs = clock.monotonicMs() + Math.max(0, delayMs);
    let cancelled = false;
    const fire = () => {
      if (cancelled) return;
      // The clock may have stood still since the timer was set.
      if (clock.monotonicMs() < dueMs) arm();
      else run();
    };
    const arm = () => {
      const lateMs = this.#world.random.unit() * this.#world.faults.timerLateMs;
      // A hair more than is left, so that rounding cannot make it early for ever.
      const inMs = clock.trueDelay(dueMs - clock.monotonicMs()) + 1e-6 + lateMs;
      this.#process.later(Math.max(0, inMs), 'timer', fire);
    };
    // What never comes is no event: a world with nothing else left has come to its end.
    if (dueMs < Number.POSITIVE_INFINITY) arm();
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, delayMs, signal);
  }
}

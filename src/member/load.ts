/**
 * What this worker tells of its load (src/cluster/leases/load.ts), measured once a second: the processor time of its thread, on
 * which all that a worker does for its accounts waits, and the operations on its slots.
 */
import { HOTTEST_MAX } from '../cluster/leases/load.ts';
import { SlotMeter } from '../cluster/leases/slot-meter.ts';
import type { WorkerLoad } from '../cluster/types.ts';
import type { Clock, Timer } from '../platform/platform.ts';
import type { Slot } from '../store/ids.ts';

const EVERY_MS = 1000;
const MICROSECONDS_PER_MS = 1000;

export interface LoadMeterOptions {
  readonly clock: Clock;
  readonly weight: number;
  /** Processor time of this thread since it began, in microseconds. */
  readonly processorTime?: () => number;
}

export class LoadMeter implements Disposable {
  /** An operation on this slot, or a command of a session. */
  readonly count: (slot: Slot) => void;
  readonly #clock: Clock;
  readonly #weight: number;
  readonly #processorTime: () => number;
  readonly #slots = new SlotMeter();
  #timer: Timer | undefined;
  #atMs: number;
  #usedMicroseconds: number;
  #load: WorkerLoad | undefined;

  constructor({ clock, weight, processorTime = threadTime }: LoadMeterOptions) {
    this.#clock = clock;
    this.#weight = weight;
    this.#processorTime = processorTime;
    this.count = this.#slots.count;
    this.#atMs = clock.monotonicMs();
    this.#usedMicroseconds = processorTime();
    this.#again();
  }

  /** As of the last second; undefined in the first one. */
  get load(): WorkerLoad | undefined {
    return this.#load;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #again(): void {
    this.#timer = this.#clock.timer(EVERY_MS, () => {
      this.#measure();
      this.#again();
    });
  }

  #measure(): void {
    const [nowMs, used] = [this.#clock.monotonicMs(), this.#processorTime()];
    const elapsedMs = nowMs - this.#atMs;
    if (elapsedMs <= 0) return;
    const processor = (used - this.#usedMicroseconds) / MICROSECONDS_PER_MS / elapsedMs;
    this.#atMs = nowMs;
    this.#usedMicroseconds = used;
    this.#slots.tick(elapsedMs);
    const { operations } = this.#slots;
    this.#load = { weight: this.#weight, processor, operations, hottest: this.#slots.hottest(HOTTEST_MAX) };
  }
}

function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

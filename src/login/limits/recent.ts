/** What was noted not long ago: keys with the time of the last note, bounded, the longest unnoted forgotten first. */
import type { Clock } from '../../platform/platform.ts';

export class Recent {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #forMs: number;
  readonly #keysMax: number;
  readonly #notedMs = new Map<string, number>();

  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    options: { readonly forMs: number; readonly keysMax: number },
  ) {
    this.#clock = clock;
    this.#forMs = options.forMs;
    this.#keysMax = options.keysMax;
  }

  has(key: string): boolean {
    const noted = this.#notedMs.get(key);
    return noted !== undefined && this.#clock.monotonicMs() - noted < this.#forMs;
  }

  note(key: string): void {
    this.#notedMs.delete(key);
    this.#notedMs.set(key, this.#clock.monotonicMs());
    if (this.#notedMs.size > this.#keysMax)
      for (const oldest of this.#notedMs.keys()) return void this.#notedMs.delete(oldest);
  }

  get size(): number {
    return this.#notedMs.size;
  }
}

/** What was noted not long ago: keys with the time of the last note, bounded, the longest unnoted forgotten first. */
import type { Clock } from '../../platform/platform.ts';
import { putNewest } from '../put-newest.ts';

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
    putNewest(this.#notedMs, key, this.#clock.monotonicMs(), this.#keysMax);
  }

  get size(): number {
    return this.#notedMs.size;
  }
}

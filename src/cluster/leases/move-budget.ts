/** How many slots may be moved now: "all moves together keep to movesPerSecond and movesAtOnce" (docs/cluster.md, "Placement"). Pure. */
import type { ClusterTimes } from '../types.ts';

export class MoveBudget {
  readonly #times: Pick<ClusterTimes, 'movesPerSecond' | 'movesAtOnce'>;
  #saved = 0;
  #at: number;
  #open = 0;
  #short = false;

  constructor(now: number, times: Pick<ClusterTimes, 'movesPerSecond' | 'movesAtOnce'>) {
    this.#times = times;
    this.#at = now;
  }

  /** Before a plan; `moving` slots are being released now. What is not used is saved up to `movesAtOnce`. */
  open(now: number, moving: number): void {
    const { movesPerSecond, movesAtOnce } = this.#times;
    this.#saved = Math.min(movesAtOnce, this.#saved + ((now - this.#at) * movesPerSecond) / 1000);
    this.#at = now;
    this.#open = Math.max(0, Math.floor(Math.min(this.#saved, movesAtOnce - moving)));
    this.#short = false;
  }

  /** As many of so many as may be moved. */
  take(wanted: number): number {
    const count = Math.min(wanted, this.#open);
    this.#short ||= wanted > count;
    this.#open -= count;
    this.#saved -= count;
    return count;
  }

  /** More was wanted than may be moved now: plan again soon. */
  get short(): boolean {
    return this.#short;
  }
}

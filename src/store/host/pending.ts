/** Counts work that somebody waits for, so that work which nobody waits for can give way to it. */
import type { Clock } from '../../platform/platform.ts';

export class Pending {
  readonly #idle = new Set<() => void>();
  #count = 0;

  /** Counts the work until it has ended; its outcome is passed on. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await work;
    } finally {
      if (--this.#count === 0) {
        for (const wake of this.#idle) wake();
        this.#idle.clear();
      }
    }
  }

  /** Resolves when nothing is under way, after `waitMs` all the same: who never has to wait would never give way. */
  async none(clock: Clock, waitMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.timer(waitMs, () => wake());
      const wake = (): void => {
        timer.cancel();
        this.#idle.delete(wake);
        resolve();
      };
      this.#idle.add(wake);
    });
  }
}

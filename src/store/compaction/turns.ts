/** Lets so many at a time work and the others wait in line: one for all compactions of a worker. */
import { COMPACTIONS_MAX } from './limits.ts';

export class Turns {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  constructor(max = COMPACTIONS_MAX) {
    this.#max = max;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working < this.#max) this.#working++;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place is handed on, so that nobody who comes just now takes it.
      if (next === undefined) this.#working--;
      else next();
    }
  }
}

/** What happened: the last events as text for a person, and a hash over all of them to prove a replay exact. */
import { hashText } from '../support/prng.ts';

const LINES_DEFAULT = 200;

export class Trace {
  readonly #linesMax: number;
  #lines: string[] = [];
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(linesMax = LINES_DEFAULT) {
    this.#linesMax = linesMax;
  }

  note(atMs: number, label: string): void {
    const line = `${atMs.toFixed(3)} ${label}`;
    this.#hash = hashText(line, this.#hash);
    this.#count++;
    this.#lines.push(line);
    if (this.#lines.length >= 2 * this.#linesMax) this.#lines = this.#lines.slice(-this.#linesMax);
  }

  /** Number of events so far. */
  get count(): number {
    return this.#count;
  }

  /** Over every event with its time; equal for equal runs. */
  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  /** The last events, oldest first. */
  text(lines = this.#linesMax): string {
    return this.#lines.slice(-Math.min(lines, this.#linesMax)).join('\n');
  }
}

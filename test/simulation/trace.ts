/**
 * What happened: the last events as text for a person, and a hash to prove a replay exact. The hash is over the time of
 * each event and the length of its label, not over the text: the same draws give the same times to the last bit, and
 * text that nobody reads is never put together (it took a fifth of a run).
 */

const LINES_DEFAULT = 200;
const FNV_PRIME = 0x01000193;

export class Trace {
  readonly #linesMax: number;
  #times: number[] = [];
  #labels: string[] = [];
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);
  #hash = 0x811c9dc5;
  #count = 0;

  constructor(linesMax = LINES_DEFAULT) {
    this.#linesMax = linesMax;
  }

  note(atMs: number, label: string): void {
    this.#double[0] = atMs;
    this.#hash = Math.imul(this.#hash ^ this.#words[0]!, FNV_PRIME);
    this.#hash = Math.imul(this.#hash ^ this.#words[1]!, FNV_PRIME);
    this.#hash = Math.imul(this.#hash ^ label.length, FNV_PRIME);
    this.#count++;
    this.#times.push(atMs);
    this.#labels.push(label);
    if (this.#labels.length < 2 * this.#linesMax) return;
    this.#times = this.#times.slice(-this.#linesMax);
    this.#labels = this.#labels.slice(-this.#linesMax);
  }

  /** Number of events so far. */
  get count(): number {
    return this.#count;
  }

  /** Over every event with its time; equal for equal runs. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** The last events, oldest first. */
  text(lines = this.#linesMax): string {
    const from = Math.max(0, this.#labels.length - Math.min(lines, this.#linesMax));
    return this.#labels
      .slice(from)
      .map((label, index) => `${this.#times[from + index]!.toFixed(3)} ${label}`)
      .join('\n');
  }
}

/**
 * What a process counts about itself: plain numbers that hot paths add to, read only when somebody asks (`samples`). What
 * is counted, with which labels, and what it means to people is one table (src/http/metrics/families.ts). Labels come from
 * small fixed sets, never from what a peer sends, so the number of samples is bounded.
 */

/** `tally.count++` is all that a hot path does. */
export interface Tally {
  count: number;
}

export type Labels = Readonly<Record<string, string>>;

/** Counts of observed values by upper bounds, as they are: not cumulated. One more count than bounds. */
export interface Distribution {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number | Distribution;
}

export class Histogram implements Distribution {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  /** `bounds` ascending. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > this.bounds[index]!) index++;
    this.counts[index]! += 1;
    this.sum += value;
  }
}

export class Measures {
  readonly #read = new Map<
    string,
    { readonly labels: Labels; readonly name: string; read: () => Sample['value'] }
  >();
  readonly #tallies = new Map<string, Tally>();

  /** The same object for the same name and labels. */
  tally(name: string, labels: Labels = {}): Tally {
    const key = keyOf(name, labels);
    const known = this.#tallies.get(key);
    if (known !== undefined) return known;
    const tally: Tally = { count: 0 };
    this.#tallies.set(key, tally);
    this.#read.set(key, { name, labels, read: () => tally.count });
    return tally;
  }

  histogram(name: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    const histogram = new Histogram(bounds);
    this.#read.set(keyOf(name, labels), { name, labels, read: () => histogram });
    return histogram;
  }

  /** `read` is asked whenever somebody wants the figures; NaN: there is none now. */
  gauge(name: string, labels: Labels, read: () => number): void {
    this.#read.set(keyOf(name, labels), { name, labels, read });
  }

  /** As of now. */
  samples(): readonly Sample[] {
    return [...this.#read.values()]
      .map(({ name, labels, read }) => ({ name, labels, value: read() }))
      .filter(({ value }) => !Number.isNaN(value));
  }
}

function keyOf(name: string, labels: Labels): string {
  return `${name} ${JSON.stringify(labels)}`;
}

/**
 * How long a peer may take to send what it has begun and we hold: some time for everybody, and then as much as its octets
 * take at the least rate. Without it a few peers that send an octet now and then would hold a budget that all share
 * (budget.ts) for as long as they like. Pure: who holds the octets says when they came and asks when more come.
 */
export const ARRIVAL_MS_FREE = 10 * 60_000;
/** A line of 256 kbit/s. What somebody sends quickly and then holds buys him 27 minutes with 50 MiB. */
export const ARRIVAL_OCTETS_PER_SECOND_MIN = 32 * 1024;

export class Arrival {
  readonly #sinceMs: number;
  #octets = 0;

  /** `sinceMs` on the monotonic clock: when it began. */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  add(octets: number): void {
    this.#octets += octets;
  }

  /** The rest has to be here by then; each octet puts it off. */
  get untilMs(): number {
    return this.#sinceMs + ARRIVAL_MS_FREE + (this.#octets / ARRIVAL_OCTETS_PER_SECOND_MIN) * 1000;
  }
}

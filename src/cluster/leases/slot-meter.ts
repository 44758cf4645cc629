/**
 * Operations a second of each slot of a worker: a counter each, which once a second is taken into a rate that forgets. What an
 * operation costs here is one increment. Pure: the time comes in with each tick.
 */
import { SLOTS, type Slot } from '../../store/ids.ts';
import type { SlotRate } from '../types.ts';

/** A second ago counts so much less than now: what is left after ten seconds, over which hot workers are judged, is a tenth. */
const KEPT_PER_SECOND = 0.8;
/** Less is nothing. */
const RATE_MIN = 0.05;

export class SlotMeter {
  readonly #counts = new Uint32Array(SLOTS);
  readonly #rates = new Float64Array(SLOTS);
  #operations = 0;

  /** An operation on the slot, or a command of a session. */
  readonly count = (slot: Slot): void => {
    this.#counts[slot]! += 1;
  };

  /** About once a second; `elapsedMs` since the last one. */
  tick(elapsedMs: number): void {
    if (elapsedMs <= 0) return;
    const seconds = elapsedMs / 1000;
    const kept = KEPT_PER_SECOND ** seconds;
    this.#operations = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const rate = this.#rates[slot]! * kept + (this.#counts[slot]! / seconds) * (1 - kept);
      this.#rates[slot] = rate < RATE_MIN ? 0 : rate;
      this.#operations += this.#rates[slot]!;
    }
    this.#counts.fill(0);
  }

  /** Operations a second of all slots together. */
  get operations(): number {
    return this.#operations;
  }

  /** The busiest slots, the busiest first. */
  hottest(max: number): readonly SlotRate[] {
    const top: SlotRate[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const operations = this.#rates[slot]!;
      if (operations === 0 || (top.length === max && operations <= top.at(-1)!.operations)) continue;
      if (top.length === max) top.pop();
      let at = top.length;
      while (at > 0 && top[at - 1]!.operations < operations) at--;
      top.splice(at, 0, { slot: slot as Slot, operations });
    }
    return top;
  }
}

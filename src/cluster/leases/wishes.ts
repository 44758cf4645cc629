/**
 * Slots that are to go to a certain worker: an operator said so, or the load. A slot moves like any other: it is taken back,
 * closed, released, and granted anew; only to whom is said here. A wish that cannot be met within some seconds is forgotten,
 * and the slot goes where any free slot goes. Pure.
 */
import type { Incarnation, Slot } from '../../store/ids.ts';

export type WishReason = 'hot' | 'operator';

export interface Wish {
  readonly slot: Slot;
  readonly to: Incarnation;
  readonly reason: WishReason;
}

/** Longer than a slot may take to be closed (RELEASE_MS_MAX of client.ts), and to wait for its turn. */
const FORGET_MS = 15_000;

export class Wishes {
  readonly #wishes = new Map<Slot, Wish & { readonly until: number }>();

  /** In place of an earlier one for the same slot. */
  add(now: number, wish: Wish): void {
    this.#wishes.set(wish.slot, { ...wish, until: now + FORGET_MS });
  }

  /** It is where it was wanted. */
  met(slot: Slot): void {
    this.#wishes.delete(slot);
  }

  /** Those that still count, in the order in which they were made. */
  open(now: number): readonly Wish[] {
    for (const [slot, { until }] of this.#wishes) if (now >= until) this.#wishes.delete(slot);
    return [...this.#wishes.values()];
  }
}

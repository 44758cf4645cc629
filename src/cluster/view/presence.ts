/**
 * How long an incarnation has been gone from the cluster, as one process can tell for certain: an owner forgets the
 * transactions of a frontend's incarnation "15 minutes after it is gone" (docs/architecture.md, section 3, Sessions outlive
 * backends). Pure; fed with the list of members each Heartbeat.
 *
 * Errs on one side only: while no controller is heard the list may be old and an incarnation may have joined without
 * being on it, so then the count begins anew for everybody.
 */
import type { Incarnation } from '../../store/ids.ts';

/** Who was last seen longer ago is not remembered one by one: it has been gone for longer than anybody asks. */
const REMEMBER_MS = 60 * 60_000;

export class Presence {
  /** Since when the list has been current without a break. */
  #since: number;
  /** The newest look at the list. */
  #at: number;
  readonly #seenAt = new Map<Incarnation, number>();

  constructor(now: number) {
    this.#since = now;
    this.#at = now;
  }

  /** `there`: every worker of a member that is not gone; undefined while no controller is heard. */
  tick(now: number, there: Iterable<Incarnation> | undefined): void {
    this.#at = now;
    if (there === undefined) this.#since = now;
    else for (const incarnation of there) this.#seenAt.set(incarnation, now);
    for (const [incarnation, seenAt] of this.#seenAt)
      if (seenAt < this.#since || now - seenAt > REMEMBER_MS) this.#seenAt.delete(incarnation);
  }

  /** 0 while it is there; it may have been gone for longer than this, never for less. */
  goneForMs(incarnation: Incarnation): number {
    return this.#at - Math.max(this.#since, this.#seenAt.get(incarnation) ?? -Infinity);
  }
}

/** Whether a child process hangs: it is asked every second, and one that does not answer for ten will not. Pure. */

/** How often a child is asked. */
export const ASK_EVERY_MS = 1000;
/** A worker's event loop never stands still for so long (docs/architecture.md, section 6, invariant 8: 50 ms). */
const HANGS_AFTER_MS = 10_000;

export class Silence {
  #heardAt: number;
  #lookedAt: number;

  constructor(now: number) {
    this.#heardAt = now;
    this.#lookedAt = now;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** Every ASK_EVERY_MS. A look that comes late means that we stood still: what the child has said is still unread. */
  isTooLong(now: number): boolean {
    const stoodStill = now - this.#lookedAt > 2 * ASK_EVERY_MS;
    this.#lookedAt = now;
    if (stoodStill) this.#heardAt = now;
    return now - this.#heardAt >= HANGS_AFTER_MS;
  }
}

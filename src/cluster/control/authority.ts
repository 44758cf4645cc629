/**
 * The authority of one control epoch, as its own process knows it. Pure; `now` is its monotonic clock.
 *
 * "Every heartbeat the controller notes its clock, rewrites and syncs the counter, *then* lists that directory; if no
 * larger epoch is listed, its authority to grant reaches to the noted time + ControlLease, and no lease that it grants
 * or renews reaches beyond the noted time of the heartbeat that authorises it + SlotLease."
 */
import type { ClusterTimes } from '../types.ts';

/** Statements are quoted by counter; older ones than these are not needed (ControlLease / Heartbeat, and then some). */
const NOTES_MAX = 64;

export class Authority {
  readonly controlEpoch: number;
  readonly #times: ClusterTimes;
  #counter = 0;
  #started: { readonly counter: number; readonly notedAt: number } | undefined;
  /** Counter of the newest heartbeat that gave authority; 0 when none has. */
  #authorised = 0;
  #notedAt = 0;
  readonly #notes = new Map<number, number>();
  #over = false;

  constructor(controlEpoch: number, times: ClusterTimes) {
    this.controlEpoch = controlEpoch;
    this.#times = times;
  }

  /** Before the write: notes the clock. Gives the counter to write. */
  begin(now: number): number {
    this.#counter++;
    this.#started = { counter: this.#counter, notedAt: now };
    return this.#counter;
  }

  /** After write, sync and listing have returned: authority by the time noted before them, or the end of it all. */
  finish(listed: readonly number[]): void {
    const { counter, notedAt } = this.#started!;
    this.#started = undefined;
    // A listing without our own file is that of another storage, or of an older state of ours: it says nothing.
    if (!listed.includes(this.controlEpoch) || listed.some((epoch) => epoch > this.controlEpoch))
      this.#over = true;
    if (this.#over) return;
    this.#authorised = counter;
    this.#notedAt = notedAt;
    this.#notes.set(counter, notedAt);
    const oldest = counter - NOTES_MAX;
    for (const known of this.#notes.keys()) {
      if (known > oldest) break;
      this.#notes.delete(known);
    }
  }

  /** Control is given up: no authority comes back under this epoch. */
  end(): void {
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Counter of the newest heartbeat that gave authority; 0 before the first. */
  get counter(): number {
    return this.#authorised;
  }

  /** The counter of the newest heartbeat begun, given or not. */
  get begun(): number {
    return this.#counter;
  }

  /** Milliseconds for which this controller may still grant and renew. */
  leftMs(now: number): number {
    if (this.#over || this.#authorised === 0) return 0;
    return Math.max(0, this.#notedAt + this.#times.controlLeaseMs - now);
  }

  /** Milliseconds that a lease granted or renewed now may last; 0 without authority. */
  leaseMs(now: number): number {
    if (this.leftMs(now) === 0) return 0;
    return Math.max(0, this.#notedAt + this.#times.slotLeaseMs - now);
  }

  /** "The controller *hears a member* whose message quotes a heartbeat not older than a ControlLease." */
  isRecent(quotedCounter: number, now: number): boolean {
    const notedAt = this.#notes.get(quotedCounter);
    return notedAt !== undefined && now - notedAt <= this.#times.controlLeaseMs;
  }
}

/**
 * The worker's side of the leases: builds renewals, takes answers, gives `Lease` objects to the slot holder. No I/O and
 * no timers of its own; the driver sends what `request` gives and feeds the answers in (docs/architecture.md, section 3).
 *
 * Kept here:
 * - the lease is counted "from *before sending* its request";
 * - after a report to a candidate, nothing is accepted from a smaller control epoch, and nothing released, "until
 *   confirmed or refused": the driver sends requests only to a controller with the accepted control epoch;
 * - a lapsed lease comes back, with unchanged epoch, only by the controller that granted it;
 * - nothing is shown (`held()` is false) while the storage probe is older than the lease.
 */
import type { Epoch, Incarnation, Slot } from '../../store/ids.ts';
import type { Lease } from '../../store/log/types.ts';
import { type Pair, pairDigest, type Renewal, type RenewalAnswer } from '../messages.ts';
import type { ClusterLogger, SlotHolder } from '../types.ts';

/** Requests whose answers may still come; older ones are forgotten. */
const OUTSTANDING_MAX = 64;
/** A slot that could not be closed in order for so long is dropped: one call that hangs must not hold up all moves. */
const RELEASE_MS_MAX = 5000;

type Part = Pick<
  Renewal,
  'seq' | 'ack' | 'stalled' | 'count' | 'digest' | 'released' | 'returned' | 'pairs' | 'largerEpoch'
>;
export type LeaseAnswer = Omit<RenewalAnswer, 'statement' | 'nonceKnown'>;

interface Held {
  readonly slot: Slot;
  readonly epoch: Epoch;
  /** `returned`: dropped by us, as it could not be taken. */
  state: 'held' | 'releasing' | 'returned';
}

interface Sent {
  readonly at: number;
  readonly released: readonly Pair[];
  readonly withPairs: boolean;
  readonly largerEpoch: Epoch | undefined;
}

export interface LeaseClientOptions {
  readonly incarnation: Incarnation;
  /** The monotonic clock. */
  readonly now: () => number;
  /** True while the storage probe is younger than the lease. */
  readonly storageFresh: () => boolean;
  readonly holder: SlotHolder | undefined;
  /** Send a renewal soon, not only with the next Heartbeat. */
  readonly wake: () => void;
  readonly logger: ClusterLogger;
}

export class LeaseClient {
  readonly #options: LeaseClientOptions;
  readonly #entries = new Map<Slot, Held>();
  /** Closed by us, the controller not known to know it. */
  readonly #released = new Map<Slot, Held>();
  /** Being closed, and since when by our clock. */
  readonly #releasing = new Map<Held, number>();
  readonly #sent = new Map<number, Sent>();
  readonly #confirms = new Set<Confirm>();
  /** Everything held runs out at this time: one renewal covers it all. Only a renewal moves it on, only a report back. */
  #until = -Infinity;
  #digest = 0;
  #controlEpoch = 0;
  #seq = 0;
  #ack = 0;
  #needsPairs = true;
  #largerEpoch: Epoch | undefined;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
  }

  /** Slots held or being released. */
  get size(): number {
    return this.#entries.size;
  }

  /** Nothing is held and the controller knows it. */
  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#released.size === 0;
  }

  slots(): IterableIterator<Slot> {
    return this.#entries.keys();
  }

  isHeld(slot: Slot, epoch: Epoch): boolean {
    const entry = this.#entries.get(slot);
    if (entry?.epoch !== epoch) return false;
    return this.#options.now() < this.#until && this.#options.storageFresh();
  }

  /** The next renewal to the controller of this control epoch. Reads the clock: call it right before sending. */
  request(controlEpoch: number): Part {
    if (controlEpoch !== this.#controlEpoch) {
      this.#controlEpoch = controlEpoch;
      this.#ack = 0;
      this.#needsPairs = true;
      this.#sent.clear();
    }
    this.#dropStuck();
    const seq = ++this.#seq;
    const released = [...this.#released.values()].map(pairOf);
    const withPairs = this.#needsPairs;
    this.#sent.set(seq, { at: this.#options.now(), released, withPairs, largerEpoch: this.#largerEpoch });
    for (const known of this.#sent.keys()) {
      if (this.#sent.size <= OUTSTANDING_MAX) break;
      this.#sent.delete(known);
    }
    return {
      seq,
      ack: this.#ack,
      stalled: !this.#options.storageFresh(),
      count: this.#entries.size,
      digest: this.#digest,
      released,
      returned: [...this.#released.values()].filter(({ state }) => state === 'returned').map(pairOf),
      pairs: withPairs ? [...this.#entries.values()].map(pairOf) : undefined,
      largerEpoch: this.#largerEpoch,
    };
  }

  /** An answer of the controller with this control epoch; the driver has refused smaller ones than it accepted. */
  answered(controlEpoch: number, answer: LeaseAnswer): void {
    const sent = this.#sent.get(answer.seq);
    if (controlEpoch !== this.#controlEpoch || sent === undefined || answer.serial <= this.#ack) return;
    this.#ack = answer.serial;
    for (const seq of this.#sent.keys()) if (seq <= answer.seq) this.#sent.delete(seq);
    if (answer.resync) {
      this.#needsPairs = true;
      if (!sent.withPairs) this.#options.wake();
      return;
    }
    if (sent.withPairs) this.#needsPairs = false;
    if (this.#largerEpoch === sent.largerEpoch) this.#largerEpoch = undefined;
    for (const pair of sent.released)
      if (this.#released.get(pair.slot)?.epoch === pair.epoch) this.#released.delete(pair.slot);
    for (const pair of answer.lost) this.#drop(pair);

    if (answer.leftMs > 0) this.#renewed(controlEpoch, sent.at + answer.leftMs, answer);
    if (answer.giveUp) this.#giveUp();
    this.#confirm(answer);
    if (answer.grants.length > 0 || answer.lost.length > 0) this.#options.wake();
  }

  /**
   * A candidate asks: the pairs whose lease still runs by our clock, and for how long. What was closed and not yet
   * acknowledged is among them. The driver refuses smaller control epochs from now on.
   */
  report(): { readonly leftMs: number; readonly pairs: readonly Pair[] } {
    const leftMs = Math.max(0, this.#until - this.#options.now());
    // Answers to earlier requests are of a smaller control epoch, or of before this report: they renew nothing.
    this.#sent.clear();
    this.#needsPairs = true;
    if (leftMs === 0) return { leftMs, pairs: [] };
    return { leftMs, pairs: [...this.#entries.values(), ...this.#released.values()].map(pairOf) };
  }

  /** Closes everything in good order, to be reported as released by the next renewals. */
  releaseAll(): void {
    for (const entry of Array.from(this.#entries.values())) this.#startRelease(entry);
  }

  /** Everything is lost at once: the process ends. */
  dropAll(): void {
    for (const entry of Array.from(this.#entries.values())) this.#drop(entry);
  }

  #renewed(controlEpoch: number, until: number, answer: LeaseAnswer): void {
    if (this.#options.now() >= this.#until) this.#dropOthers(controlEpoch);
    this.#until = Math.max(this.#until, until);
    for (const pair of answer.grants) this.#grant(pair);
    for (const { slot, epoch } of answer.release) {
      const entry = this.#entries.get(slot);
      if (entry?.epoch === epoch) this.#startRelease(entry);
    }
  }

  /** "A lapsed lease is never confirmed by a new controller, only granted anew." */
  #dropOthers(controlEpoch: number): void {
    for (const entry of Array.from(this.#entries.values()))
      if (Math.floor(entry.epoch / 2 ** 32) !== controlEpoch) this.#drop(entry);
  }

  #grant({ slot, epoch }: Pair): void {
    const before = this.#entries.get(slot);
    if ((this.#released.get(slot)?.epoch ?? 0) >= epoch) return;
    if (before !== undefined) {
      if (before.epoch >= epoch) return;
      this.#drop(before);
    }
    this.#entries.set(slot, { slot, epoch, state: 'held' });
    this.#digest += pairDigest({ slot, epoch });
    this.#options.holder?.granted(slot, this.#lease(slot, epoch));
  }

  #startRelease(entry: Held): void {
    if (entry.state !== 'held') return;
    entry.state = 'releasing';
    this.#releasing.set(entry, this.#options.now());
    const closed = this.#options.holder?.release(entry.slot) ?? Promise.resolve();
    void closed
      .catch((error: unknown) => {
        this.#options.logger.warn({ slot: entry.slot, err: error }, 'slot not closed in good order, dropped');
        if (this.#entries.get(entry.slot) === entry) this.#options.holder?.lost(entry.slot);
      })
      .then(() => this.#closed(entry));
  }

  #dropStuck(): void {
    const before = this.#options.now() - RELEASE_MS_MAX;
    for (const [entry, since] of Array.from(this.#releasing)) {
      if (since > before) continue;
      this.#options.logger.warn({ slot: entry.slot }, 'slot not closed in time, dropped');
      this.#options.holder?.lost(entry.slot);
      this.#closed(entry);
    }
  }

  #closed(entry: Held): void {
    this.#releasing.delete(entry);
    if (this.#entries.get(entry.slot) !== entry) return;
    this.#entries.delete(entry.slot);
    this.#digest -= pairDigest(entry);
    this.#unconfirmed(entry);
    this.#released.set(entry.slot, entry);
    this.#options.wake();
  }

  #drop({ slot, epoch }: Pair): void {
    const entry = this.#entries.get(slot);
    if (entry?.epoch !== epoch) return;
    this.#entries.delete(slot);
    this.#releasing.delete(entry);
    this.#digest -= pairDigest(entry);
    this.#unconfirmed(entry);
    this.#options.holder?.lost(slot);
  }

  #unconfirmed({ slot, epoch }: Pair): void {
    for (const waiting of this.#confirms) {
      if (waiting.slot !== slot || waiting.epoch !== epoch) continue;
      this.#confirms.delete(waiting);
      waiting.resolve(false);
    }
  }

  /** The storage stalls here and is well elsewhere: drop everything, write nothing, say so. */
  #giveUp(): void {
    if (this.#entries.size === 0) return;
    for (const entry of Array.from(this.#entries.values())) {
      this.#drop(entry);
      this.#released.set(entry.slot, entry);
    }
    this.#options.wake();
  }

  #lease(slot: Slot, epoch: Epoch): Lease {
    return {
      incarnation: this.#options.incarnation,
      epoch,
      held: () => this.isHeld(slot, epoch),
      confirm: () => this.#confirmation(slot, epoch),
      reportLargerEpoch: (larger) => {
        this.#largerEpoch = Math.max(this.#largerEpoch ?? 0, larger) as Epoch;
        this.#options.wake();
      },
      giveBack: () => this.#giveBack(slot, epoch),
    };
  }

  /**
   * Not while the storage stalls or the lease has run out: then that is why nothing can be taken, and who is well is the
   * controller's to say.
   */
  #giveBack(slot: Slot, epoch: Epoch): void {
    const entry = this.#entries.get(slot);
    if (entry === undefined || !this.isHeld(slot, epoch)) return;
    this.#drop(entry);
    entry.state = 'returned';
    this.#released.set(slot, entry);
    this.#options.wake();
  }

  #confirmation(slot: Slot, epoch: Epoch): Promise<boolean> {
    if (this.#entries.get(slot)?.epoch !== epoch) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#confirms.add({ slot, epoch, after: this.#seq, resolve });
    this.#options.wake();
    return promise;
  }

  /** "A renewal *sent after*" the question confirms the epoch. */
  #confirm(answer: LeaseAnswer): void {
    if (answer.leftMs === 0) return;
    for (const waiting of this.#confirms) {
      if (answer.seq <= waiting.after || !this.isHeld(waiting.slot, waiting.epoch)) continue;
      this.#confirms.delete(waiting);
      waiting.resolve(true);
    }
  }
}

interface Confirm {
  readonly slot: Slot;
  readonly epoch: Epoch;
  /** Only an answer to a later request counts. */
  readonly after: number;
  readonly resolve: (held: boolean) => void;
}

function pairOf({ slot, epoch }: Pair): Pair {
  return { slot, epoch };
}

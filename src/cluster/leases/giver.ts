/**
 * Carries out what the assigner plans: grants free slots and takes back those that shall move, in the controller's table.
 * Who may be given something, what, and when, is decided here:
 * - only to a worker whose storage is ours and answers, which renews, and which the controller's file names;
 * - a slot whose last holder is heard and waits for its storage stays free for it until another backend's storage has been
 *   well for a while: "so when the storage stalls for all, nothing moves";
 * - after control was gained, or authority came back after a gap, slots wait a moment for those who are about to be
 *   eligible, so that not the first one gets everything;
 * - a lapsed slot only when no heartbeat on the storage names its last holder any more: should we be lost, our successor
 *   must not believe that one, whose clock may have stood still, and know nothing of the larger epoch (section 8, 21).
 */
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { KnownWorker, Membership } from '../membership.ts';
import type { Assigner } from './assign.ts';
import type { LeaseTable } from './table.ts';

/** "Another backend has had a fresh probe for 1 s." */
export const FRESH_ELSEWHERE_MS = 1000;

export interface Given {
  /** Whom to tell that something waits for it. */
  readonly tell: ReadonlySet<Incarnation>;
  /** More is to be moved than the rate allows now. */
  readonly more: boolean;
  /** Nothing is given until another heartbeat is written. */
  readonly unsaid: boolean;
}

/** What the controller's file says, or may say while it is written. */
export interface Written {
  /** The incarnations that the newest heartbeat with authority names. */
  readonly named: ReadonlySet<Incarnation>;
  /** Everybody that a heartbeat on the storage may name; undefined: it may say that they are not known. */
  readonly mayBeNamed: ReadonlySet<Incarnation> | undefined;
}

const NOTHING: Given = { tell: new Set(), more: false, unsaid: false };

export class Giver {
  readonly #table: LeaseTable;
  readonly #members: Membership;
  readonly #assigner: Assigner;
  #gatherUntil = -Infinity;
  #enough: 'all live' | 'time' = 'time';

  constructor(table: LeaseTable, members: Membership, assigner: Assigner) {
    this.#table = table;
    this.#members = members;
    this.#assigner = assigner;
  }

  /** Nothing is given before `until`; with 'all live' sooner, when every worker with a running lease is eligible. */
  gather(until: number, enough: 'all live' | 'time'): void {
    this.#gatherUntil = until;
    this.#enough = enough;
  }

  give(now: number, { named, mayBeNamed }: Written): Given {
    const workers = [...this.#members.workers()].filter((worker) => this.#isEligible(worker, named, now));
    if (now < this.#gatherUntil && !this.#isGathered(now, workers)) return NOTHING;
    const candidates = workers.map((worker) => ({
      incarnation: worker.info.incarnation,
      slots: this.#table.slotsOf(worker.info.incarnation).size,
      draining: this.#members.isDraining(worker),
    }));
    const { free, moving, lastHolders } = this.#slots(now);
    if (candidates.length > 0 && free.length > 0) {
      for (const holder of lastHolders) if (!this.#table.isLive(holder, now)) this.#table.overtake(holder);
      const isUnknown = mayBeNamed === undefined && !this.#table.isWaiting;
      const believed = this.#table.isBelieved(now, (each) => mayBeNamed?.has(each) ?? true);
      if (isUnknown || believed) return { ...NOTHING, unsaid: true };
    }
    const alone = candidates.filter(({ draining }) => !draining).length === 1;
    const notTo = (slot: Slot) => this.#table.notTo(slot, now, alone);
    const plan = this.#assigner.plan(now, candidates, free, moving, notTo);
    const tell = new Set<Incarnation>();
    for (const [slot, to] of plan.grants) {
      this.#table.grant(slot, to);
      tell.add(to);
    }
    for (const [from, count] of plan.takeBack) {
      const held = [...this.#table.slotsOf(from)].filter((slot) => this.#table.entry(slot).state === 'held');
      for (const slot of held.slice(0, count)) this.#table.takeBack(slot);
      tell.add(from);
    }
    return { tell, more: plan.more, unsaid: false };
  }

  #isEligible(worker: KnownWorker, named: ReadonlySet<Incarnation>, now: number): boolean {
    const { incarnation, holds } = worker.info;
    const storageWell = worker.nonceKnown && worker.freshSince !== undefined;
    return holds && storageWell && named.has(incarnation) && this.#table.isLive(incarnation, now);
  }

  #isGathered(now: number, eligible: readonly KnownWorker[]): boolean {
    if (this.#enough === 'time') return false;
    const there = new Set(eligible.map(({ info }) => info.incarnation));
    return this.#table
      .live(now)
      .every(
        (incarnation) => there.has(incarnation) || this.#members.worker(incarnation)?.info.holds === false,
      );
  }

  #slots(now: number): { free: Slot[]; moving: number; lastHolders: ReadonlySet<Incarnation> } {
    const lastHolders = new Set<Incarnation>();
    const free: Slot[] = [];
    let moving = 0;
    const waitedFor = new Map<Incarnation, boolean>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const { state, holder } = this.#table.entry(slot as Slot);
      if (state === 'releasing') moving++;
      if (state !== 'free') continue;
      if (holder !== undefined && !waitedFor.has(holder))
        waitedFor.set(holder, this.#isWaitedFor(holder, now));
      if (holder !== undefined && waitedFor.get(holder) === true) continue;
      if (holder !== undefined) lastHolders.add(holder);
      free.push(slot as Slot);
    }
    return { free, moving, lastHolders };
  }

  /** The last holder of a lapsed lease: it is there, and only its storage does not answer. */
  #isWaitedFor(incarnation: Incarnation, now: number): boolean {
    const worker = this.#members.worker(incarnation);
    if (worker === undefined || worker.freshSince !== undefined) return false;
    return (
      this.#members.isHeard(worker, now) &&
      !this.#members.anotherIsFresh(now, worker.member, FRESH_ELSEWHERE_MS)
    );
  }
}

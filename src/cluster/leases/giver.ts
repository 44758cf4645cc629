/**
 * Carries out what is planned, in the controller's table: grants free slots and takes back those that shall move. Who may be
 * given something, what, and when, is decided here:
 * - only to a worker whose storage is ours and answers, which renews, and which the controller's file names;
 * - a slot whose last holder is heard and waits for its storage stays free for it until another backend's storage has been
 *   well for a while: "so when the storage stalls for all, nothing moves";
 * - after control was gained, or authority came back after a gap, slots wait a moment for those who are about to be
 *   eligible, so that not the first one gets everything;
 * - a lapsed slot only when no heartbeat on the storage names its last holder any more: should we be lost, our successor
 *   must not believe that one, whose clock may have stood still, and know nothing of the larger epoch (section 8, 21);
 * - moves in this order, within one budget: what an operator said, who drains, making the workers even, hot slots.
 */
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { KnownWorker, Membership } from '../control/membership.ts';
import type { ClusterTimes, SlotMoves } from '../types.ts';
import { Assigner, type Eligible, type TakeBack } from './assign.ts';
import { HotSlots, type Measured } from './hot-slots.ts';
import { WEIGHT_DEFAULT } from './load.ts';
import { MoveBudget } from './move-budget.ts';
import type { LeaseTable } from './table.ts';
import { type Wish, Wishes } from './wishes.ts';

/** "Another backend has had a fresh probe for 1 s." */
export const FRESH_ELSEWHERE_MS = 1000;

/** Planned moves that were begun, by their reason. */
export type MoveCounts = { -readonly [K in keyof Omit<SlotMoves, 'underWay'>]: number };

export function noMoves(): MoveCounts {
  return { operator: 0, drain: 0, balance: 0, hot: 0 };
}

/** A slot that was told where to go, and was asked back for it now. */
export interface Directed extends Wish {
  readonly from: Incarnation;
}

export interface Given {
  /** Whom to tell that something waits for it. */
  readonly tell: ReadonlySet<Incarnation>;
  readonly directed: readonly Directed[];
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

/** Why a slot does not go where an operator wants it. */
export type Unmovable = 'no such member' | 'takes no slots' | 'not held';

const NOTHING: Given = { tell: new Set(), directed: [], more: false, unsaid: false };

export class Giver {
  readonly #controlLeaseMs: number;
  readonly #table: LeaseTable;
  readonly #members: Membership;
  readonly #assigner: Assigner;
  readonly #budget: MoveBudget;
  readonly #hot = new HotSlots();
  readonly #wishes = new Wishes();
  readonly #counts: MoveCounts;
  /** Members that have slots when nobody else could. */
  readonly #reserves: (member: string) => boolean;
  #gatherUntil = -Infinity;
  #enough: 'all live' | 'time' = 'time';

  /** `counts` go on from one controller of this process to the next. */
  constructor(
    now: number,
    times: ClusterTimes,
    table: LeaseTable,
    members: Membership,
    counts: MoveCounts,
    reserves: (member: string) => boolean = () => false,
  ) {
    this.#controlLeaseMs = times.controlLeaseMs;
    this.#table = table;
    this.#members = members;
    this.#assigner = new Assigner(now, times);
    this.#budget = new MoveBudget(now, times);
    this.#counts = counts;
    this.#reserves = reserves;
  }

  /** Nothing is given before `until`; with 'all live' sooner, when every worker with a running lease is eligible. */
  gather(until: number, enough: 'all live' | 'time'): void {
    this.#gatherUntil = until;
    this.#enough = enough;
  }

  give(now: number, written: Written): Given {
    const workers = this.#eligible(now, written);
    if (now < this.#gatherUntil && !this.#isGathered(now, workers)) return NOTHING;
    const { free, moving, lastHolders } = this.#slots(now);
    if (workers.length > 0 && free.size > 0) {
      for (const holder of lastHolders) if (!this.#table.isLive(holder, now)) this.#table.overtake(holder);
      if (this.#isUnsaid(now, written)) return { ...NOTHING, unsaid: true };
    }
    const takers = this.#takers(workers);
    const notTo = (slot: Slot) => this.#table.notTo(slot, now, takers.size === 1);
    const wishes = this.#wishes.open(now).filter(({ to }) => takers.has(to));
    const fulfilled = wishes.filter(({ slot, to }) => free.has(slot) && notTo(slot) !== to);
    for (const { slot, to } of fulfilled) {
      this.#grant(slot, to, free);
      this.#wishes.met(slot);
    }

    this.#budget.open(now, moving);
    // A hot slot's turn was when it was found, or never: by now another one may be the hotter.
    const directed = wishes
      .filter(({ reason }) => reason === 'operator')
      .flatMap((wish) => this.#direct(wish));
    const candidates = workers.map((worker) => this.#candidate(worker, takers));
    const plan = this.#assigner.plan(now, candidates, [...free], this.#budget, notTo);
    for (const [slot, to] of plan.grants) this.#grant(slot, to, free);
    for (const each of plan.takeBack) this.#takeBack(now, each);
    if (plan.takeBack.length > 0 || this.#assigner.isSettling) this.#hot.forget();
    else directed.push(...this.#coolDown(now, workers, takers));
    const tell = new Set([
      ...fulfilled.map(({ to }) => to),
      ...plan.grants.map(([, to]) => to),
      ...[...directed, ...plan.takeBack].map(({ from }) => from),
    ]);
    return { tell, directed, more: this.#budget.short, unsaid: false };
  }

  /** An operator wants this slot at a member; why not, where it cannot go there now. */
  wish(now: number, slot: Slot, member: string, written: Written): Unmovable | undefined {
    const { state, holder } = this.#table.entry(slot);
    const there = [...this.#members.workers()].filter((worker) => worker.member === member);
    if (there.length === 0) return 'no such member';
    const takers = this.#takers(this.#eligible(now, written));
    const [first, ...others] = there.filter(({ info }) => takers.has(info.incarnation));
    if (first === undefined) return 'takes no slots';
    if (state === 'waiting') return 'not held';
    this.#hot.leaveAlone(slot, now);
    this.#wishes.met(slot);
    if (state === 'held' && there.some(({ info }) => info.incarnation === holder)) return undefined;
    const least = others.reduce((best, each) => (this.#level(each) < this.#level(best) ? each : best), first);
    this.#wishes.add(now, { slot, to: least.info.incarnation, reason: 'operator' });
    return undefined;
  }

  /** Begun since this process was started. */
  get counts(): Readonly<MoveCounts> {
    return this.#counts;
  }

  #grant(slot: Slot, to: Incarnation, free: Set<Slot>): void {
    this.#table.grant(slot, to);
    free.delete(slot);
  }

  /** Asks for the slot of a wish back, when its turn has come. */
  #direct(wish: Wish): Directed[] {
    const { state, holder } = this.#table.entry(wish.slot);
    if (state !== 'held' || holder === undefined) return [];
    if (holder === wish.to) {
      this.#wishes.met(wish.slot);
      return [];
    }
    if (this.#budget.take(1) === 0) return [];
    this.#table.takeBack(wish.slot);
    this.#counts[wish.reason]++;
    return [{ ...wish, from: holder }];
  }

  /** Slots that were placed a moment ago for their load stay, as long as there are others. */
  #takeBack(now: number, { from, count, reason }: TakeBack): void {
    const held = [...this.#table.slotsOf(from)].filter((slot) => this.#isHeld(slot, from));
    const alone = held.filter((slot) => this.#hot.isLeftAlone(slot, now));
    const others = alone.length === 0 ? held : held.filter((slot) => !alone.includes(slot));
    for (const slot of [...others, ...alone].slice(0, count)) {
      this.#table.takeBack(slot);
      this.#counts[reason]++;
    }
  }

  #coolDown(now: number, workers: readonly KnownWorker[], takers: ReadonlySet<Incarnation>): Directed[] {
    const measured = workers.flatMap((worker): Measured[] => {
      const { load, info } = worker;
      if (load === undefined) return [];
      return [{ ...load, incarnation: info.incarnation, takes: takers.has(info.incarnation) }];
    });
    const move = this.#hot.plan(now, measured, (slot, by) => this.#isHeld(slot, by));
    if (move === undefined) return [];
    const wish = { slot: move.slot, to: move.to, reason: 'hot' } as const;
    const directed = this.#direct(wish);
    if (directed.length === 0) return [];
    this.#wishes.add(now, wish);
    this.#hot.moved(now, move);
    return directed;
  }

  #isHeld(slot: Slot, by: Incarnation): boolean {
    const { state, holder } = this.#table.entry(slot);
    return state === 'held' && holder === by;
  }

  /** "A cluster all of whose backends are Not-Ready goes on serving": then those, unless they are on their way out. */
  #takers(workers: readonly KnownWorker[]): ReadonlySet<Incarnation> {
    const staying = workers.filter((worker) => !this.#members.isDraining(worker));
    const takers =
      staying.length > 0
        ? staying
        : workers.filter(({ draining, member }) => !draining && this.#reserves(member));
    return new Set(takers.map(({ info }) => info.incarnation));
  }

  #candidate(worker: KnownWorker, takers: ReadonlySet<Incarnation>): Eligible {
    const { incarnation } = worker.info;
    return {
      incarnation,
      slots: this.#table.slotsOf(incarnation).size,
      draining: !takers.has(incarnation),
      weight: weightOf(worker),
    };
  }

  /** How full it is for its weight. */
  #level(worker: KnownWorker): number {
    return this.#table.slotsOf(worker.info.incarnation).size / weightOf(worker);
  }

  #eligible(now: number, { named }: Written): readonly KnownWorker[] {
    return [...this.#members.workers()].filter((worker) => {
      const { incarnation, holds } = worker.info;
      const storageWell = worker.nonceKnown && worker.freshSince !== undefined;
      // Its lease runs on for a while when it is gone, and what it is given then is served by nobody until that has ended.
      const speaks = now - worker.renewedAt < this.#controlLeaseMs;
      return holds && storageWell && speaks && named.has(incarnation) && this.#table.isLive(incarnation, now);
    });
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

  /** A heartbeat that the storage may have says something else than what is to be granted now. */
  #isUnsaid(now: number, { mayBeNamed }: Written): boolean {
    const isUnknown = mayBeNamed === undefined && !this.#table.isWaiting;
    return isUnknown || this.#table.isBelieved(now, (each) => mayBeNamed?.has(each) ?? true);
  }

  #slots(now: number): {
    readonly free: Set<Slot>;
    readonly moving: number;
    readonly lastHolders: ReadonlySet<Incarnation>;
  } {
    const lastHolders = new Set<Incarnation>();
    const free = new Set<Slot>();
    let moving = 0;
    const waitedFor = new Map<Incarnation, boolean>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const { state, holder, grantedIn } = this.#table.entry(slot as Slot);
      // Until its taker has shown that it knows: should that one be silent, no more slots than these wait with it.
      if (state === 'releasing' || grantedIn > 0) moving++;
      if (state !== 'free') continue;
      if (holder !== undefined && !waitedFor.has(holder))
        waitedFor.set(holder, this.#isWaitedFor(holder, now));
      if (holder !== undefined && waitedFor.get(holder) === true) continue;
      if (holder !== undefined) lastHolders.add(holder);
      free.add(slot as Slot);
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

function weightOf({ load }: KnownWorker): number {
  return load?.weight ?? WEIGHT_DEFAULT;
}

/**
 * Which free slot goes to which worker, and how many slots move to make the workers even. Pure. Each worker's share is by its
 * weight. Free slots go at once to the workers that have the fewest for theirs; planned moves go slot by slot, at a bounded
 * rate, and only after the set of workers or their weights have changed and then stayed the same for a while, or to empty
 * a worker that is draining.
 */
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { ClusterTimes } from '../types.ts';
import type { MoveBudget } from './move-budget.ts';

/** Not worth a move: a worker may have so many slots more than its share. */
const SLACK = 0.1;

export interface Eligible {
  readonly incarnation: Incarnation;
  readonly slots: number;
  /** Its slots shall move away and none come. */
  readonly draining: boolean;
  /** Beside the others': one of 200 gets twice as many slots as one of 100. */
  readonly weight: number;
}

export interface TakeBack {
  readonly from: Incarnation;
  readonly count: number;
  readonly reason: 'drain' | 'balance';
}

export interface Plan {
  readonly grants: readonly (readonly [slot: Slot, to: Incarnation])[];
  /** How many slots to take back from whom, now. */
  readonly takeBack: readonly TakeBack[];
}

export class Assigner {
  readonly #times: Pick<ClusterTimes, 'rebalanceAfterMs'>;
  #members = '';
  #changedAt: number;
  /** The workers have changed and are not known to be even yet. */
  #balancing = false;
  /** Moves to make them even have begun. */
  #moving = false;

  constructor(now: number, times: Pick<ClusterTimes, 'rebalanceAfterMs'>) {
    this.#times = times;
    this.#changedAt = now;
  }

  /** The workers have changed a moment ago, or slots move to make them even. */
  get isSettling(): boolean {
    return this.#balancing;
  }

  /** `free`: slots to give away; `budget`: opened for this plan; `notTo`: who is not to have a slot. */
  plan(
    now: number,
    workers: readonly Eligible[],
    free: readonly Slot[],
    budget: MoveBudget,
    notTo: (slot: Slot) => Incarnation | undefined = () => undefined,
  ): Plan {
    this.#watch(now, workers);
    const levels = workers.filter((w) => !w.draining).map((w) => new Level(w));
    const grants = spread(free, levels, notTo);
    return { grants, takeBack: [...drained(workers, levels, budget), ...this.#evened(now, levels, budget)] };
  }

  /** "Only when workers came, went or changed their weight": otherwise nothing is evened, whatever the counts. */
  #watch(now: number, workers: readonly Eligible[]): void {
    const members = workers
      .map((worker) => `${worker.incarnation}${worker.draining ? '-' : '+'}${worker.weight}`)
      .sort()
      .join();
    if (members === this.#members) return;
    this.#members = members;
    this.#changedAt = now;
    this.#balancing = true;
  }

  /** Hysteresis: begins when somebody has a tenth more than its share, and then goes on until all are even. */
  #evened(now: number, levels: readonly Level[], budget: MoveBudget): TakeBack[] {
    if (!this.#balancing || now - this.#changedAt < this.#times.rebalanceAfterMs) return [];
    const total = levels.reduce((sum, { weight }) => sum + weight, 0);
    const over = levels
      .map(({ incarnation, slots, weight }) => {
        return { incarnation, slots, share: Math.ceil((SLOTS * weight) / total) };
      })
      .filter(({ slots, share }) => slots > share)
      .sort((a, b) => b.slots - b.share - (a.slots - a.share));
    if (over.some(({ slots, share }) => slots > share * (1 + SLACK))) this.#moving = true;
    if (over.length === 0 || !this.#moving) {
      this.#balancing = this.#moving = false;
      return [];
    }
    return over.flatMap(({ incarnation, slots, share }) =>
      taken(incarnation, slots - share, 'balance', budget),
    );
  }
}

/** With nobody to take them they stay: who drains serves until its end, and then releases by itself. */
function drained(workers: readonly Eligible[], takers: readonly Level[], budget: MoveBudget): TakeBack[] {
  if (takers.length === 0) return [];
  return workers
    .filter(({ draining }) => draining)
    .flatMap(({ incarnation, slots }) => taken(incarnation, slots, 'drain', budget));
}

function taken(
  from: Incarnation,
  wanted: number,
  reason: TakeBack['reason'],
  budget: MoveBudget,
): TakeBack[] {
  const count = budget.take(wanted);
  return count === 0 ? [] : [{ from, count, reason }];
}

/** A worker that takes slots, and how many it has by now. */
class Level {
  readonly incarnation: Incarnation;
  readonly weight: number;
  slots: number;

  constructor({ incarnation, weight, slots }: Eligible) {
    this.incarnation = incarnation;
    this.weight = weight;
    this.slots = slots;
  }

  /** What it would have for its weight with one slot more. */
  get next(): number {
    return (this.slots + 1) / this.weight;
  }
}

/** Each slot to whoever has the fewest for its weight then and may have it. Changes the levels. */
function spread(
  free: readonly Slot[],
  levels: readonly Level[],
  notTo: (slot: Slot) => Incarnation | undefined,
): (readonly [Slot, Incarnation])[] {
  return free.flatMap((slot) => {
    const not = notTo(slot);
    let least: Level | undefined;
    for (const level of levels)
      if (level.incarnation !== not && (least === undefined || level.next < least.next)) least = level;
    if (least === undefined) return [];
    least.slots++;
    return [[slot, least.incarnation] as const];
  });
}

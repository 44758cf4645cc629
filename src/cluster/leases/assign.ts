/**
 * Which free slot goes to which worker, and which slots move. Pure. Free slots go at once to the workers with the fewest;
 * planned moves go slot by slot, at a bounded rate, and only after the set of workers has changed and then stayed the
 * same for a while, or to empty a worker that is draining.
 */
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { ClusterTimes } from '../types.ts';

/** Not worth a move: a worker may have so many slots more than its share. */
const SLACK = 0.1;

export interface Eligible {
  readonly incarnation: Incarnation;
  readonly slots: number;
  /** Its slots shall move away and none come. */
  readonly draining: boolean;
}

export interface Plan {
  readonly grants: readonly (readonly [slot: Slot, to: Incarnation])[];
  /** How many slots to take back from whom, now. */
  readonly takeBack: readonly (readonly [from: Incarnation, count: number])[];
  /** More is to be moved than the rate allows now: plan again soon. */
  readonly more: boolean;
}

export class Assigner {
  readonly #times: ClusterTimes;
  #members = '';
  #changedAt: number;
  /** The workers have changed and are not known to be even yet. */
  #balancing = false;
  /** Moves to make them even have begun. */
  #moving = false;
  #movesAllowed = 0;
  #movesAt: number;

  constructor(now: number, times: ClusterTimes) {
    this.#times = times;
    this.#changedAt = now;
    this.#movesAt = now;
  }

  /** `free`: slots to give away; `moving`: slots being released now; `notTo`: who is not to have a slot. */
  plan(
    now: number,
    workers: readonly Eligible[],
    free: readonly Slot[],
    moving: number,
    notTo: (slot: Slot) => Incarnation | undefined = () => undefined,
  ): Plan {
    this.#watch(now, workers);
    const load = new Map(workers.filter((w) => !w.draining).map((w) => [w.incarnation, w.slots]));
    const grants = spread(free, load, notTo);
    return { grants, ...this.#moves(now, workers, load, moving) };
  }

  /** "Only when members join, leave or drain": otherwise nothing moves, whatever the loads. */
  #watch(now: number, workers: readonly Eligible[]): void {
    const members = workers
      .map((worker) => `${worker.incarnation}${worker.draining ? '-' : '+'}`)
      .sort()
      .join();
    if (members === this.#members) return;
    this.#members = members;
    this.#changedAt = now;
    this.#balancing = true;
  }

  #moves(
    now: number,
    workers: readonly Eligible[],
    load: Map<Incarnation, number>,
    moving: number,
  ): Pick<Plan, 'takeBack' | 'more'> {
    const perMs = this.#times.movesPerSecond / 1000;
    this.#movesAllowed = Math.min(
      this.#times.movesAtOnce,
      this.#movesAllowed + (now - this.#movesAt) * perMs,
    );
    this.#movesAt = now;
    let budget = Math.floor(Math.min(this.#movesAllowed, this.#times.movesAtOnce - moving));
    const takeBack: (readonly [Incarnation, number])[] = [];
    let more = false;
    const take = (from: Incarnation, wanted: number): void => {
      const count = Math.min(wanted, budget);
      more ||= wanted > count;
      if (count <= 0) return;
      budget -= count;
      this.#movesAllowed -= count;
      takeBack.push([from, count]);
    };
    // With nobody to take them they stay: who drains serves until its end, and then releases by itself.
    if (load.size > 0)
      for (const worker of workers) if (worker.draining) take(worker.incarnation, worker.slots);
    if (!this.#balancing || now - this.#changedAt < this.#times.rebalanceAfterMs || load.size < 2)
      return { takeBack, more };

    // Hysteresis: begins when somebody has a tenth more than its share, and then goes on until all are even.
    const share = Math.ceil(SLOTS / load.size);
    const over = [...load].filter(([, slots]) => slots > share).sort((a, b) => b[1] - a[1]);
    if (over.length > 0 && over[0]![1] > share * (1 + SLACK)) this.#moving = true;
    if (over.length === 0 || !this.#moving) this.#balancing = this.#moving = false;
    else for (const [from, slots] of over) take(from, slots - share);
    return { takeBack, more };
  }
}

/** Each slot to whoever has the fewest then and may have it. Changes the loads. */
function spread(
  free: readonly Slot[],
  load: Map<Incarnation, number>,
  notTo: (slot: Slot) => Incarnation | undefined,
): (readonly [Slot, Incarnation])[] {
  const levels = [...load].map(([incarnation, slots]) => ({ incarnation, slots }));
  return free.flatMap((slot) => {
    const not = notTo(slot);
    let least: (typeof levels)[number] | undefined;
    for (const level of levels)
      if (level.incarnation !== not && (least === undefined || level.slots < least.slots)) least = level;
    if (least === undefined) return [];
    least.slots++;
    load.set(least.incarnation, least.slots);
    return [[slot, least.incarnation] as const];
  });
}

/**
 * Which slot moves away from a worker that has too much to do (docs/cluster.md, "Placement"). Pure: the workers' figures come in
 * about once a second, and what is decided goes out.
 *
 * It must not chase the load around. So it judges by the mean of ten seconds; moves only where the difference is large, the busier
 * of the two will be clearly less busy than before, and what is left of the difference, the other way round, is nothing that
 * could be cause for a move; moves one slot every two seconds; and leaves a slot that moved alone for a minute, and twice
 * as long each time that it moves again within an hour. What a move is expected to shift is shifted in the past seconds at once:
 * the next decision is not made on figures of before.
 */
import type { Incarnation, Slot } from '../../store/ids.ts';
import type { SlotRate } from '../types.ts';

/** A worker is hot above this share of a processor … */
const HOT = 0.7;
/** … when another one has so much less to do. */
const DIFFERENCE = 0.25;
/** The busier of the two is to have so much less to do after the move: else it is not worth one. */
const GAIN = 0.1;
/** The other one is not to have more on top of that: half of what would be cause to move something back. */
const REVERSE_MAX = DIFFERENCE / 2;
/** A slot that brings less is not moved: it would take hundreds of them. */
const PART_MIN = 0.01;
const SAMPLE_MS = 1000;
/** Samples that are judged by: ten seconds. */
const SAMPLES = 10;
const BETWEEN_MOVES_MS = 2000;
const ALONE_MS = 60_000;
const ALONE_MS_MAX = 3_600_000;
/** A slot with so much of the operations is its worker's whole load: moving it would move the trouble. */
const WHOLE = 0.8;

/** A worker as it is placed by: who tells nothing of its load is left out. */
export interface Measured {
  readonly incarnation: Incarnation;
  /** Takes slots. */
  readonly takes: boolean;
  readonly processor: number;
  readonly operations: number;
  readonly hottest: readonly SlotRate[];
}

export interface HotMove {
  readonly slot: Slot;
  readonly from: Incarnation;
  readonly to: Incarnation;
  /** The share of a processor that is expected to go with it. */
  readonly part: number;
}

export class HotSlots {
  /** The past seconds of each worker, the newest last. */
  readonly #samples = new Map<Incarnation, number[]>();
  /** Slots that were moved in the last hour: never more than there are slots. */
  readonly #alone = new Map<Slot, { readonly since: number; readonly forMs: number }>();
  #sampledAt = -Infinity;
  #movedAt = -Infinity;

  /** As often as one likes: a sample is taken once a second. `isHeld`: the worker has this slot and nobody has asked for it back. */
  plan(
    now: number,
    workers: readonly Measured[],
    isHeld: (slot: Slot, by: Incarnation) => boolean,
  ): HotMove | undefined {
    if (now - this.#sampledAt < SAMPLE_MS) return undefined;
    this.#sample(now, workers);
    if (now - this.#movedAt < BETWEEN_MOVES_MS) return undefined;
    const known = workers.flatMap((worker) => {
      const samples = this.#samples.get(worker.incarnation) ?? [];
      return samples.length < SAMPLES ? [] : [{ ...worker, mean: mean(samples) }];
    });
    const [busiest] = known.toSorted((a, b) => b.mean - a.mean);
    const [idlest] = known.filter(({ takes }) => takes).toSorted((a, b) => a.mean - b.mean);
    if (busiest === undefined || idlest === undefined || busiest.mean <= HOT) return undefined;
    const difference = busiest.mean - idlest.mean;
    if (difference < DIFFERENCE) return undefined;
    const most = Math.min(difference - GAIN, (difference + REVERSE_MAX) / 2);
    const found = nearest(busiest, difference / 2, most, (slot) => {
      return !this.isLeftAlone(slot, now) && isHeld(slot, busiest.incarnation);
    });
    return found && { ...found, from: busiest.incarnation, to: idlest.incarnation };
  }

  /** The move has begun. */
  moved(now: number, { slot, from, to, part }: HotMove): void {
    this.#movedAt = now;
    this.leaveAlone(slot, now);
    this.#samples.set(
      from,
      (this.#samples.get(from) ?? []).map((each) => Math.max(0, each - part)),
    );
    this.#samples.set(
      to,
      (this.#samples.get(to) ?? []).map((each) => each + part),
    );
  }

  /** The slot has just been placed, by us or by an operator. */
  leaveAlone(slot: Slot, now: number): void {
    const before = this.#alone.get(slot);
    const again = before !== undefined && now - before.since < ALONE_MS_MAX;
    const forMs = again ? Math.min(2 * before.forMs, ALONE_MS_MAX) : ALONE_MS;
    this.#alone.set(slot, { since: now, forMs });
  }

  isLeftAlone(slot: Slot, now: number): boolean {
    const placed = this.#alone.get(slot);
    return placed !== undefined && now - placed.since < placed.forMs;
  }

  /** Slots move for other reasons: what was measured tells nothing of what will be. */
  forget(): void {
    this.#samples.clear();
  }

  #sample(now: number, workers: readonly Measured[]): void {
    // Nobody has looked for a while: seconds that are not next to each other make no ten seconds.
    if (now - this.#sampledAt > SAMPLES * SAMPLE_MS) this.#samples.clear();
    this.#sampledAt = now;
    const there = new Set(workers.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#samples.keys())
      if (!there.has(incarnation)) this.#samples.delete(incarnation);
    for (const { incarnation, processor } of workers) {
      const samples = this.#samples.get(incarnation) ?? [];
      this.#samples.set(incarnation, [...samples, processor].slice(-SAMPLES));
    }
  }
}

/** The slot whose part of the load comes nearest to what is wanted, and is not above `most`. */
function nearest(
  { mean: load, operations, hottest }: Measured & { readonly mean: number },
  wanted: number,
  most: number,
  isFree: (slot: Slot) => boolean,
): Pick<HotMove, 'slot' | 'part'> | undefined {
  let best: Pick<HotMove, 'slot' | 'part'> | undefined;
  for (const { slot, operations: own } of hottest) {
    const part = operations <= 0 ? 0 : load * Math.min(1, own / operations);
    if (part < PART_MIN || part > most || !isFree(slot)) continue;
    if (best === undefined || Math.abs(part - wanted) < Math.abs(best.part - wanted)) best = { slot, part };
  }
  return best;
}

/** The slot that is a hot worker's whole load, where there is one: it stays, and people are told. */
export function wholeLoad({
  processor,
  operations,
  hottest,
}: Pick<Measured, 'processor' | 'operations' | 'hottest'>): Slot | undefined {
  const [first] = hottest;
  const isWhole = first !== undefined && first.operations >= WHOLE * operations;
  return isWhole && processor > HOT ? first.slot : undefined;
}

function mean(samples: readonly number[]): number {
  return samples.reduce((sum, each) => sum + each, 0) / samples.length;
}

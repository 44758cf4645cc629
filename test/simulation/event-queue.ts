/** Events by simulated time; those of one time in an order that the seed chooses, so that no test rests on luck. */
import type { Prng } from '../support/prng.ts';

export interface SimEvent {
  readonly atMs: number;
  readonly label: string;
  readonly run: () => void;
}

interface Entry extends SimEvent {
  readonly tie: number;
  readonly sequence: number;
}

/** A binary heap; entries are removed only from the top, a cancelled event stays and does nothing. */
export class EventQueue {
  readonly #random: Prng;
  readonly #heap: Entry[] = [];
  #sequence = 0;

  constructor(random: Prng) {
    this.#random = random;
  }

  get size(): number {
    return this.#heap.length;
  }

  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  push(event: SimEvent): void {
    const entry = { ...event, tie: this.#random.uint32(), sequence: this.#sequence++ };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie === b.tie ? a.sequence < b.sequence : a.tie < b.tie;
}

/** A set that stays bounded: of more than `max` the oldest are forgotten. */
export class Newest<T> {
  readonly #max: number;
  readonly #items = new Set<T>();

  constructor(max: number) {
    this.#max = max;
  }

  /** What is there already stays as old as it is. */
  add(item: T): void {
    this.#items.add(item);
    if (this.#items.size <= this.#max) return;
    for (const oldest of this.#items) return void this.#items.delete(oldest);
  }

  delete(item: T): void {
    this.#items.delete(item);
  }

  has(item: T): boolean {
    return this.#items.has(item);
  }

  /** The oldest first. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}

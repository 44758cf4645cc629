/** Who is told of settled changes. What settles in one turn is told at once, so that a batch costs each watcher one call. */
import type { MailboxId } from './types.ts';

export type Watcher = (changed: ReadonlySet<MailboxId>) => void;

export class Watchers {
  readonly #watchers = new Map<symbol, Watcher>();
  readonly #report: (error: unknown) => void;
  #changed = new Set<MailboxId>();
  #waiting = false;

  /** `report` is told of a watcher that threw; it is not called again. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  add(watcher: Watcher): () => void {
    const key = Symbol('watcher');
    this.#watchers.set(key, watcher);
    return () => void this.#watchers.delete(key);
  }

  clear(): void {
    this.#watchers.clear();
  }

  tell(changed: Iterable<MailboxId>): void {
    for (const id of changed) this.#changed.add(id);
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#waiting = false;
    // A Map is walked as it changes: one that an earlier watcher ended is not told any more.
    for (const [key, watcher] of this.#watchers) {
      try {
        watcher(changed);
      } catch (error) {
        // Our bug, in one session: the others are told all the same.
        this.#watchers.delete(key);
        this.#report(error);
      }
    }
  }
}

/**
 * Failures counted by key, each count going down with time. Bounded: the key longest without a change is forgotten first.
 * Every call costs the same, however many keys there are.
 */
import type { Clock } from '../../platform/platform.ts';
import { putNewest } from '../put-newest.ts';
import type { Rule } from './rules.ts';

interface Count {
  readonly count: number;
  readonly atMs: number;
}

export class FailureCounts {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #rule: Pick<Rule, 'decayMs' | 'countMax'>;
  readonly #keysMax: number;
  /** Longest unchanged first. */
  readonly #counts = new Map<string, Count>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, rule: Pick<Rule, 'decayMs' | 'countMax'>, keysMax: number) {
    this.#clock = clock;
    this.#rule = rule;
    this.#keysMax = keysMax;
  }

  /** As of now; a fraction of a failure is one that is not forgotten yet. */
  of(key: string): number {
    const found = this.#counts.get(key);
    if (found === undefined) return 0;
    const passedMs = this.#clock.monotonicMs() - found.atMs;
    return Math.max(0, found.count - passedMs / this.#rule.decayMs);
  }

  /** Adds failures, or takes some back. */
  add(key: string, failures: number): void {
    const count = Math.min(this.of(key) + failures, this.#rule.countMax);
    if (count <= 0) this.#counts.delete(key);
    else putNewest(this.#counts, key, { count, atMs: this.#clock.monotonicMs() }, this.#keysMax);
  }

  forget(key: string): void {
    this.#counts.delete(key);
  }

  get size(): number {
    return this.#counts.size;
  }
}

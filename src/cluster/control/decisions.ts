/**
 * Changes of the cluster settings at the controller; and decisions: one after another, each on the newest settings, durable before it is
 * answered. So what is read and what is written belong together, which a change sent by somebody else cannot have.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { ClusterSettings, Decide, SettingsWrite } from '../types.ts';

/** How long a caller of `change` may let it wait at most. */
const CHANGE_MS_MAX = 60_000;
/** A decision waits so long for the newest settings, and for all members to show what it wrote. */
const DECIDE_MS_MAX = 5000;

export interface DecisionsOptions {
  readonly clock: Clock;
  /** How often our copy is compared with what is wanted. */
  readonly lookMs: number;
  /** Our copy. */
  readonly settings: ClusterSettings;
  /** The newest version that there is; -1: not open yet. Failure 'unavailable' where this is not the controller. */
  readonly newest: () => number;
  /** The controller's: resolves when every ready member shows it. */
  readonly change: (change: unknown, signal: AbortSignal) => Promise<unknown>;
}

export class Decisions {
  readonly #o: DecisionsOptions;
  /** The end of the decision under way. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DecisionsOptions) {
    this.#o = options;
  }

  readonly decide: Decide = (decide) => {
    const decided = this.#last.then(async () => {
      await this.#newest();
      const { writes, answer } = await decide(this.#o.settings);
      for (const write of writes) await this.#write(write);
      return answer;
    });
    // The next one waits for the end of this one, however it ends.
    this.#last = decided.catch(() => undefined);
    return decided;
  };

  /** A change that somebody has sent; `signal` is the caller's. */
  async change(change: unknown, signal: AbortSignal, timeoutMs = CHANGE_MS_MAX): Promise<unknown> {
    const over = new AbortController();
    const late = (): void => over.abort(new Failure('unknown', 'took too long'));
    const timer = this.#o.clock.timer(timeoutMs, late);
    try {
      return await this.#o.change(change, AbortSignal.any([signal, over.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** Our copy is what the log says: no decision may rest on less. */
  async #newest(): Promise<void> {
    const { clock, settings, newest, lookMs } = this.#o;
    const untilMs = clock.monotonicMs() + DECIDE_MS_MAX;
    for (;;) {
      const version = newest();
      if (version >= 0 && settings.version >= version) return;
      if (clock.monotonicMs() >= untilMs) throw new Failure('unavailable', 'the settings are not there yet');
      await clock.sleep(lookMs);
    }
  }

  /** A member that is slow to show a change must not make it seem undone: what counts is that it is stored. */
  async #write({ key, value }: SettingsWrite): Promise<void> {
    try {
      await this.change({ kind: 'setValue', key, value }, new AbortController().signal, DECIDE_MS_MAX);
    } catch (error) {
      if (failureCode(error) !== 'unknown') throw error;
      await this.#newest();
      const now = this.#o.settings.value(key) ?? null;
      if (now === null ? value !== null : value === null || !now.equals(value)) throw error;
    }
  }
}

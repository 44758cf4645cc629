/**
 * The log lines of limits: who was slowed or refused, from where, at which count. Under an attack there would be
 * thousands a second, so each account and address has one line in LINE_EVERY_MS.
 */
import type { Logger } from '../../lib/logging.ts';
import type { Clock } from '../../platform/platform.ts';
import type { HeldBy } from './account-limits.ts';
import { Recent } from './recent.ts';

export const LINE_EVERY_MS = 10_000;
const KEYS_MAX = 1000;

export interface LimitEvent {
  readonly event: 'login-slowed' | 'login-refused';
  /** Whose count it was. */
  readonly by: HeldBy;
  /** As it was given. */
  readonly account: string;
  readonly address: string;
  readonly service: string;
  readonly count: number;
  readonly waitMs?: number;
}

export class LimitsLog {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #recent: Recent;

  constructor(logger: Pick<Logger, 'warn'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#logger = logger;
    this.#recent = new Recent(clock, { forMs: LINE_EVERY_MS, keysMax: KEYS_MAX });
  }

  tell(event: LimitEvent): void {
    const key = `${event.event} ${event.by} ${event.by === 'account' ? event.account : event.address}`;
    if (this.#recent.has(key)) return;
    this.#recent.note(key);
    this.#logger.warn(
      { ...event },
      event.event === 'login-slowed' ? 'log-in slowed' : 'log-in refused for a while',
    );
  }
}

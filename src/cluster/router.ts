/**
 * `SlotRouter`: finds a slot's owner in the copy of the map (no request in the hot path) and calls it; follows `moved`,
 * waits for the next owner, passes a call over one hop when the owner cannot be reached directly.
 *
 * Never repeats a request whose outcome is unknown, unless it is `repeatable`.
 */
import { Failure, failureCode } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { Slot } from '../store/ids.ts';
import type { Owner, SlotCallOptions, SlotMap, SlotRouter } from './types.ts';

/** A first pause after a wrong guess; doubled up to the Heartbeat while the map shows nothing newer. */
const PAUSE_MS = 5;

export interface OwnerCalls {
  /** One call to an owner, directly or over one hop. */
  call(
    to: Owner,
    service: string,
    body: unknown,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown>;
  /** The map may be old: ask for news now. */
  refreshMap(): void;
}

/** A call that an owner has not answered. */
interface Attempt {
  readonly slot: Slot;
  readonly owner: Owner;
  readonly over: AbortController;
}

export class Router implements SlotRouter {
  readonly #map: SlotMap;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #owners: OwnerCalls;
  readonly #attempts = new Set<Attempt>();
  #isWatching = false;

  constructor(map: SlotMap, clock: Clock, heartbeatMs: number, owners: OwnerCalls) {
    this.#map = map;
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
    this.#owners = owners;
  }

  async call(
    slot: Slot,
    service: string,
    body: Record<string, unknown>,
    options: SlotCallOptions,
  ): Promise<unknown> {
    const deadline = this.#clock.monotonicMs() + options.timeoutMs;
    let last: unknown = new Failure('unavailable', `no owner of slot ${slot}`);
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, this.#heartbeatMs)) {
      options.signal?.throwIfAborted();
      const leftMs = deadline - this.#clock.monotonicMs();
      if (leftMs <= 0) throw last;
      const { version } = this.#map;
      const owner = this.#map.owner(slot);
      if (owner !== undefined) {
        try {
          return await this.#attempt(slot, owner, service, body, leftMs, options.signal);
        } catch (error) {
          const code = failureCode(error);
          if (code !== 'moved' && code !== 'unavailable' && !(code === 'unknown' && options.repeatable))
            throw error;
          // Once it may have happened, a later try that was not made says nothing about that.
          if (failureCode(last) !== 'unknown')
            last =
              code === 'moved'
                ? new Failure('unavailable', `slot ${slot} is moving`, { cause: error })
                : error;
        }
      }
      this.#owners.refreshMap();
      await this.#newerOrLater(
        version,
        Math.min(pauseMs, deadline - this.#clock.monotonicMs()),
        options.signal,
      );
    }
  }

  /** One try. Given up as soon as the map shows another owner: this one will not answer, or not with the lease. */
  async #attempt(
    slot: Slot,
    owner: Owner,
    service: string,
    body: Record<string, unknown>,
    leftMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const over = new AbortController();
    const attempt: Attempt = { slot, owner, over };
    const abort = signal && (() => over.abort(signal.reason));
    if (abort !== undefined) signal?.addEventListener('abort', abort, { once: true });
    this.#attempts.add(attempt);
    if (!this.#isWatching) void this.#watch();
    try {
      return await this.#owners.call(owner, service, body, { timeoutMs: leftMs, signal: over.signal });
    } finally {
      this.#attempts.delete(attempt);
      if (abort !== undefined) signal?.removeEventListener('abort', abort);
    }
  }

  /** Looks at all attempts when the map is news: a waiter for each costs more than the call. Never ends. */
  async #watch(): Promise<never> {
    this.#isWatching = true;
    const always = new AbortController().signal;
    for (;;) {
      await this.#map.newer(this.#map.version, always);
      for (const { slot, owner, over } of this.#attempts) {
        const now = this.#map.owner(slot);
        // No owner is no reason to give up yet: it may be answering from what it committed in time.
        if (now !== undefined && now.incarnation !== owner.incarnation)
          over.abort(new Failure('unknown', 'another owner'));
      }
    }
  }

  async #newerOrLater(version: number, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const timer = this.#clock.timer(Math.max(0, ms), () => over.abort(new Failure('unavailable', 'time')));
    const abort = () => over.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#map.newer(version, over.signal);
    } catch {
      // Time is over, or the caller's signal, which the loop looks at.
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  }
}

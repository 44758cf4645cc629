/**
 * One object kept open: whoever asks while it is being opened gets the same opening, and waits for it no longer than
 * `openWaitMs`; when its log fails it is dropped, and opened again for the next who asks, after a pause that grows while
 * it fails again (invariant 7: at most `reopenPauseMsMax`, so all is served soon after the storage is back).
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import { storageFailure } from '../log/errors.ts';
import type { RevocableLog } from './revocable-log.ts';
import type { HostLimits } from './types.ts';

export interface Opened<T> {
  readonly object: T;
  readonly log: RevocableLog;
  /** Resolves when the object must be opened again; never rejects. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

export class Kept<T> {
  readonly #open: () => Promise<Opened<T>>;
  readonly #clock: Clock;
  readonly #limits: HostLimits;
  #opening: Promise<Opened<T>> | undefined;
  #opened: Opened<T> | undefined;
  #over: Error | undefined;
  readonly #revoked = Promise.withResolvers<undefined>();
  /** Who waits for the opening. A set of our own, because a race would keep every caller for as long as it hangs. */
  readonly #waiting = new Set<(reason: Failure) => void>();
  #pauseMs = 0;
  #notBeforeMs = 0;
  #openedAtMs = 0;

  constructor(open: () => Promise<Opened<T>>, clock: Clock, limits: HostLimits) {
    this.#open = open;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The open object. Failure 'unavailable' while it cannot be opened or has failed a moment ago. */
  async get(): Promise<T> {
    if (this.#over !== undefined) throw new Failure('unavailable', this.#over.message);
    if (this.#opened !== undefined) return this.#opened.object;
    if (this.#opening === undefined) {
      if (this.#clock.monotonicMs() < this.#notBeforeMs)
        throw new Failure('unavailable', 'the object failed a moment ago');
      this.#opening = this.#start();
      // Whoever waits for it is told, and it may happen that nobody does any more.
      this.#opening.catch(() => undefined);
    }
    return this.#wait(this.#opening);
  }

  /** The object, when it is open now. */
  get current(): T | undefined {
    return this.#opened?.object;
  }

  /** Drops it at once and for good, without writing. */
  revoke(reason: Error): void {
    this.#over ??= reason;
    this.#revoked.resolve(undefined);
    for (const refuse of this.#waiting) refuse(new Failure('unavailable', reason.message));
    this.#opened?.log.revoke(reason);
    this.#opened = undefined;
    this.#opening = undefined;
  }

  /** Finishes what is in flight and closes, for good. */
  async close(reason: Error): Promise<void> {
    if (this.#over !== undefined) return;
    this.#over = reason;
    const opening = this.#opening?.catch(() => undefined);
    // An opening may hang in the storage; who takes everything away does not wait for it.
    const opened = await Promise.race([opening, this.#revoked.promise]);
    // Revoked meanwhile, or opened only after `#over` was set: then `#start` has dropped it already.
    if (opened === undefined || this.#opened !== opened) return;
    try {
      await Promise.race([opened.close(), this.#revoked.promise]);
    } finally {
      opened.log.revoke(reason);
      this.#opened = undefined;
    }
  }

  /** An opening may hang in the storage for as long as that is away; nobody else does. */
  #wait(opening: Promise<Opened<T>>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = this.#clock.timer(this.#limits.openWaitMs, () =>
      refuse(new Failure('unavailable', 'the object is not open yet')),
    );
    const end = (): void => {
      this.#waiting.delete(refuse);
      timer.cancel();
    };
    const refuse = (reason: unknown): void => {
      end();
      reject(reason);
    };
    this.#waiting.add(refuse);
    opening.then(({ object }) => {
      end();
      resolve(object);
    }, refuse);
    return promise;
  }

  async #start(): Promise<Opened<T>> {
    try {
      const opened = await this.#open();
      if (this.#over !== undefined) {
        opened.log.revoke(this.#over);
        throw new Failure('unavailable', this.#over.message);
      }
      this.#opened = opened;
      this.#openedAtMs = this.#clock.monotonicMs();
      void opened.failed.then((reason) => this.#drop(opened, reason));
      return opened;
    } catch (error) {
      this.#opening = undefined;
      if (failureCode(error) !== 'not-found') this.#pause();
      throw storageFailure(error, 'storage');
    }
  }

  #drop(opened: Opened<T>, reason: Error): void {
    if (this.#opened !== opened) return;
    opened.log.revoke(reason);
    this.#opened = undefined;
    this.#opening = undefined;
    this.#pause();
  }

  #pause(): void {
    const now = this.#clock.monotonicMs();
    const { reopenPauseMs, reopenPauseMsMax } = this.#limits;
    const ranWell = this.#openedAtMs !== 0 && now - this.#openedAtMs >= reopenPauseMsMax;
    this.#pauseMs =
      ranWell || this.#pauseMs === 0 ? reopenPauseMs : Math.min(this.#pauseMs * 2, reopenPauseMsMax);
    this.#openedAtMs = 0;
    this.#notBeforeMs = now + this.#pauseMs;
  }
}

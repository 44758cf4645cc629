/**
 * The tie of one logged-in session to the owner of its account, as the session's frontend keeps it (docs/architecture.md,
 * section 3, sessions outlive backends): one exchange at a time; when the owner is lost the session is attached to the
 * next one and the exchange is put to it again, as long as its protocol says that this can be done.
 *
 * What a protocol brings: the body that opens the stream, which holds the session's state, and the exchanges.
 */
import type { BusStream } from '../cluster/bus/types.ts';
import type { Dial } from '../cluster/dial.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { ObjectId } from '../store/ids.ts';
import { slotOfObject } from '../store/slots.ts';

/** One request to the owner and its answer. */
export interface Exchange {
  /** Puts the request to an owner; after a loss again, to the next one. */
  ask(stream: BusStream): Promise<void>;
  /** Takes a message of the owner; true when the request is answered. What it rejects with ends the exchange. */
  take(message: unknown): Promise<boolean>;
  /** Whether the next owner can go on: false where a part of an answer was shown that cannot be continued. */
  readonly canGoOn: boolean;
  /** Nothing is owed to the client (an IDLE that waits): there is no deadline until this turns false. */
  readonly isPatient?: boolean;
}

export interface TieOptions {
  readonly service: string;
  readonly object: ObjectId;
  readonly dial: Dial;
  readonly clock: Clock;
  /** Without any news from an owner for so long an exchange is given up. */
  readonly stallMs: number;
  /** What opens the stream: the session as it is now. */
  readonly attach: () => unknown;
  /** Sent on a new stream before the first request: what of the state is too long for `attach`. */
  readonly prepare?: (stream: BusStream) => Promise<void>;
}

/** Before the same owner is tried again: at first none, later longer, so that thousands do not beat on a lost owner. */
const PAUSE_MS = 20;
const PAUSE_MS_MAX = 1000;

interface Attached {
  readonly stream: BusStream;
  readonly messages: AsyncIterator<unknown>;
}

export class OwnerTie {
  readonly #options: TieOptions;
  #attached: Attached | undefined;
  /**
   * An owner has served the session: it is one of those that the account may have. Refused a place at its return, its own
   * earlier stream may be in the way, of whose end the owner has not heard yet.
   */
  #wasAttached = false;

  constructor(options: TieOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the request is answered. Rejects with the Failure of the last loss when it cannot go on or no owner was
   * found in time, and with whatever `take` rejected with.
   */
  async exchange(exchange: Exchange): Promise<void> {
    const { clock, dial, object, stallMs } = this.#options;
    const slot = slotOfObject(object);
    const deadline = new Deadline(clock, stallMs, exchange);
    let lost: unknown;
    let limitedAtMs: number | undefined;
    for (let pauseMs = 0; ; pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS, pauseMs * 2))) {
      try {
        await this.#attempt(exchange, deadline);
        return;
      } catch (error) {
        this.detach(error);
        if (error instanceof Given) throw error.cause;
        const isLimited = this.#wasAttached && failureCode(error) === 'limit';
        limitedAtMs = isLimited ? (limitedAtMs ?? clock.monotonicMs()) : undefined;
        const isRefused = isLimited ? clock.monotonicMs() - limitedAtMs! >= stallMs : isFinal(error);
        if (!exchange.canGoOn || isRefused || deadline.isOver) throw error;
        lost = error;
      }
      await dial.changed(slot, pauseMs, exchange.isPatient === true);
      if (!exchange.canGoOn) throw lost;
    }
  }

  /** Lets the owner forget the session; it can be attached again at any time. */
  detach(reason?: unknown): void {
    const attached = this.#attached;
    this.#attached = undefined;
    if (attached === undefined) return;
    if (reason === undefined) attached.stream.end();
    else
      attached.stream.reset(
        reason instanceof Error ? reason : new Failure('unavailable', 'session detached'),
      );
  }

  async #attempt(exchange: Exchange, deadline: Deadline): Promise<void> {
    const { stream, messages } = await this.#attach(deadline);
    await deadline.bound(exchange.ask(stream));
    for (;;) {
      const { value, done } = await deadline.bound(messages.next());
      if (done) throw new Failure('unavailable', 'the owner ended the session');
      this.#wasAttached = true;
      let isOver;
      try {
        isOver = await exchange.take(value);
      } catch (cause) {
        throw new Given(cause);
      }
      if (isOver) return;
      // Not before: a client that reads slowly is no silence of the owner.
      deadline.extend();
    }
  }

  async #attach(deadline: Deadline): Promise<Attached> {
    if (this.#attached !== undefined && !this.#attached.stream.closed.aborted) return this.#attached;
    this.#attached = undefined;
    const { dial, service, object, attach, prepare } = this.#options;
    const opening = dial.open(slotOfObject(object), service, attach(), deadline.leftMs);
    let stream: BusStream;
    try {
      stream = await deadline.bound(opening);
    } catch (error) {
      // It may still come, when nobody waits for it any more.
      opening.then(
        (late) => late.reset(new Failure('unavailable', 'opened too late')),
        () => undefined,
      );
      throw error;
    }
    const attached = { stream, messages: stream.messages[Symbol.asyncIterator]() };
    this.#attached = attached;
    if (prepare !== undefined) await deadline.bound(prepare(stream));
    return attached;
  }
}

/** Rejected by `take`: no loss of the owner. */
class Given extends Error {
  constructor(cause: unknown) {
    super('exchange given up', { cause });
  }
}

/** Failures that the next owner would give too; the others are an owner lost, moved or cut off. */
function isFinal(error: unknown): boolean {
  const code = failureCode(error);
  return code !== 'unavailable' && code !== 'moved' && code !== 'unknown';
}

/** How long silence is borne. */
class Deadline {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #exchange: Exchange;
  #atMs: number;
  #wasPatient = false;

  constructor(clock: Clock, stallMs: number, exchange: Exchange) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#exchange = exchange;
    this.#atMs = clock.monotonicMs() + stallMs;
  }

  get leftMs(): number {
    this.#look();
    return Math.max(1, this.#atMs - this.#clock.monotonicMs());
  }

  get isOver(): boolean {
    return !this.#look() && this.#clock.monotonicMs() >= this.#atMs;
  }

  extend(): void {
    this.#atMs = this.#clock.monotonicMs() + this.#stallMs;
  }

  /** Rejects with 'unavailable' when the deadline passes first. */
  async bound<T>(work: Promise<T>): Promise<T> {
    const expired = Promise.withResolvers<never>();
    expired.promise.catch(() => undefined); // looked at through the race only
    work.catch(() => undefined); // may reject after the race is over
    const check = (): void => {
      if (this.isOver) expired.reject(new Failure('unavailable', 'no answer from the owner'));
      else timer = this.#clock.timer(this.leftMs, check);
    };
    let timer = this.#clock.timer(this.leftMs, check);
    try {
      return await Promise.race([work, expired.promise]);
    } finally {
      timer.cancel();
    }
  }

  /**
   * True while the exchange is patient. Silence counts from the first look after that, so an owner that answers then is
   * waited for at least `stallMs` and at most twice as long.
   */
  #look(): boolean {
    const isPatient = this.#exchange.isPatient === true;
    if (isPatient || this.#wasPatient) this.extend();
    this.#wasPatient = isPatient;
    return isPatient;
  }
}

/**
 * A client's connection as a frontend of any protocol works with it: writing with back-pressure, and an end that comes
 * whatever the client does. One that takes nothing for WRITE_STALL_MS is dropped; after our FIN the client has LINGER_MS
 * for its own, longer only while it still takes what was queued. So no connection stays that nobody can end.
 */
import type { Clock, Connection, TlsInfo, TlsServerOptions } from '../platform/platform.ts';

/** Octets waiting for a client that does not read; above it `write` waits. */
const QUEUED_OCTETS_MAX = 256 * 1024;
/** A client whose socket takes no octet for so long does not read any more. */
export const WRITE_STALL_MS = 5 * 60_000;
/** Between our FIN, or the last octet that it took, and the end of the connection. */
export const LINGER_MS = 5000;

export interface ClientEvents {
  data(bytes: Buffer): void;
  /** The client sends no more: FIN, or the connection is gone. */
  ended(): void;
}

/** The client is gone: what was to be told to it is told to nobody. */
export class ClientGone extends Error {}

export class Client {
  readonly connection: Connection;
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  readonly #clock: Clock;
  readonly #setClosed: () => void;
  #gone = false;
  #ending = false;
  /** Those who wait for the socket to take more. */
  readonly #waiting = new Set<() => void>();

  constructor(connection: Connection, clock: Clock) {
    this.connection = connection;
    this.#clock = clock;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.#setClosed = closed.resolve;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** To be called in the turn in which the connection was accepted. */
  start(events: ClientEvents): void {
    this.connection.start({
      // What comes behind our FIN is read, so that the client's FIN is seen, and passed over.
      data: (bytes) => {
        if (!this.#ending) events.data(bytes);
      },
      drained: () => this.#wakeAll(),
      // What it asked for before its FIN is done and answered; who serves it calls `end` after that.
      halfOpen: true,
      ended: () => events.ended(),
      closed: () => {
        this.#gone = true;
        this.#setClosed();
        this.#wakeAll();
        events.ended();
      },
    });
  }

  /** Resolves when more is welcome. Rejects with ClientGone. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#gone || this.#ending) throw new ClientGone('the client is gone');
    if (this.connection.write(bytes)) return;
    while (!this.#gone && this.connection.queuedOctets > QUEUED_OCTETS_MAX) {
      const before = this.connection.queuedOctets;
      await this.#drainedOrLater(WRITE_STALL_MS);
      if (this.#gone || this.connection.queuedOctets < before) continue;
      this.connection.destroy();
      throw new ClientGone('the client does not read');
    }
    if (this.#gone) throw new ClientGone('the client is gone');
  }

  /**
   * Sends the go-ahead and starts TLS in one turn, so that nothing the client sent in the clear is heard after it; the
   * caller throws away what it keeps of earlier octets in the same turn, before or after this call.
   */
  secure(goAhead: Buffer, options: TlsServerOptions): Promise<TlsInfo> {
    this.connection.write(goAhead);
    return this.connection.secure(options);
  }

  /** Sends what is queued, then FIN; resolves when the connection is closed, which it is soon. */
  async end(): Promise<void> {
    if (!this.#ending && !this.#gone) {
      this.#ending = true;
      this.connection.resume();
      this.connection.end();
      this.#linger(this.connection.queuedOctets);
    }
    await this.closed;
  }

  #linger(before: number): void {
    const timer = this.#clock.timer(LINGER_MS, () => {
      const queued = this.connection.queuedOctets;
      if (queued > 0 && queued < before) this.#linger(queued);
      else this.connection.destroy();
    });
    void this.closed.then(() => timer.cancel());
  }

  #drainedOrLater(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        timer.cancel();
        resolve();
      };
      const timer = this.#clock.timer(waitMs, wake);
      this.#waiting.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake();
  }
}

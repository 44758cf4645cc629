/**
 * A client's input as whoever reads it waits for it: asleep until something happens or the time is up, with the socket
 * paused while too much is unread.
 */
import type { Clock, Connection } from '../platform/platform.ts';

export class Flow {
  readonly #connection: Pick<Connection, 'pause' | 'resume'>;
  readonly #clock: Clock;
  readonly #unreadOctetsMax: number;
  #wake: () => void = () => undefined;

  constructor(connection: Pick<Connection, 'pause' | 'resume'>, clock: Clock, unreadOctetsMax: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#unreadOctetsMax = unreadOctetsMax;
  }

  /** Octets came; so many are unread now. */
  arrived(unreadOctets: number): void {
    if (unreadOctets > this.#unreadOctetsMax) this.#connection.pause();
    this.#wake();
  }

  /** Something else that the reader must look at. */
  wake(): void {
    this.#wake();
  }

  /** What was unread has been thrown away. */
  resume(): void {
    this.#connection.resume();
  }

  /** Everything was read: resolves when there is something to look at, or after `waitMs`. One call at a time. */
  more(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.timer(waitMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
      this.#connection.resume();
    });
  }
}

/** A client's bytes as commands and lines, one at a time, with back-pressure on its socket. */
import type { Clock, Connection } from '../../platform/platform.ts';
import { type Framed, Framer, type FramingLimits, type Want } from '../codec/framing.ts';

/** What was read, or that nothing more will come. */
export type Input =
  | Exclude<Framed, { kind: 'more' | 'continue' }>
  | { readonly kind: 'closed' }
  | { readonly kind: 'idle' };

/** Above this much unread input the socket is paused. */
const BUFFERED_OCTETS_MAX = 256 * 1024;

export class ClientInput {
  readonly #framer: Framer;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(connection: Connection, limits: FramingLimits, clock: Clock) {
    this.#framer = new Framer(limits);
    this.#connection = connection;
    this.#clock = clock;
  }

  set limits(limits: FramingLimits) {
    this.#framer.limits = limits;
  }

  data(bytes: Buffer): void {
    this.#framer.push(bytes);
    if (this.#framer.bufferedOctets > BUFFERED_OCTETS_MAX) this.#connection.pause();
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The next input; 'idle' when none was complete within `idleMs`. Commands sent before the client left still count. */
  async next(want: Want, idleMs: number): Promise<Input> {
    const deadline = this.#clock.monotonicMs() + idleMs;
    for (;;) {
      const framed = this.#framer.next(want);
      if (framed.kind === 'continue') this.#connection.write(CONTINUE);
      else if (framed.kind !== 'more') return framed;
      else if (this.#closed) return { kind: 'closed' };
      else if (this.#clock.monotonicMs() >= deadline) return { kind: 'idle' };
      else await this.#more(deadline - this.#clock.monotonicMs());
    }
  }

  #more(waitMs: number): Promise<void> {
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

/** RFC 9051 section 7.6; some clients want the space and a text. */
const CONTINUE = Buffer.from('+ go ahead\r\n');

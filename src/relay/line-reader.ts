/** A client's lines, one at a time, with back-pressure on its socket and a time-out. */
import type { Clock, Connection } from '../platform/platform.ts';
import { Flow } from './flow.ts';
import { type Line, Lines } from './lines.ts';

export type Read =
  | Exclude<Line, { kind: 'more' }>
  /** The client sends no more, and all that it sent was read; or the server stops. */
  | { readonly kind: 'closed' }
  /** No whole line came in time. */
  | { readonly kind: 'late' };

/** Above this much unread input the socket is paused. */
const BUFFERED_OCTETS_MAX = 64 * 1024;

export class LineReader {
  readonly #lines = new Lines();
  readonly #flow: Flow;
  readonly #clock: Clock;
  #ended = false;
  #stopped = false;

  constructor(connection: Connection, clock: Clock) {
    this.#flow = new Flow(connection, clock, BUFFERED_OCTETS_MAX);
    this.#clock = clock;
  }

  data(bytes: Buffer): void {
    this.#lines.push(bytes);
    this.#flow.arrived(this.#lines.bufferedOctets);
  }

  /** The client sends no more; lines that came before still count. */
  ended(): void {
    this.#ended = true;
    this.#flow.wake();
  }

  /** No further line is given: the server stops. */
  stop(): void {
    this.#stopped = true;
    this.#flow.wake();
  }

  /** Throws away what was received and not read. */
  discard(): void {
    this.#lines.discard();
  }

  /** The next line of at most `octetsMax` octets, its end included; `untilMs` on the monotonic clock. */
  async next(octetsMax: number, untilMs: number): Promise<Read> {
    for (;;) {
      if (this.#stopped) return { kind: 'closed' };
      const line = this.#lines.next(octetsMax);
      if (line.kind !== 'more') return line;
      if (this.#ended) return { kind: 'closed' };
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return { kind: 'late' };
      await this.#flow.more(leftMs);
    }
  }
}

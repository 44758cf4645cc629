/** A client's bytes as commands and lines, one at a time, with back-pressure on its socket. */
import { Arrival } from '../../lib/arrival.ts';
import type { Clock, Connection } from '../../platform/platform.ts';
import { Flow } from '../../relay/flow.ts';
import { type Framed, Framer, type FramingLimits, type Want } from '../codec/framing.ts';

/** What was read, or that nothing more will come. */
export type Input =
  | Exclude<Framed, { kind: 'more' | 'continue' }>
  | { readonly kind: 'closed' }
  | { readonly kind: 'idle' };

/** Above this much unread input the socket is paused. */
const BUFFERED_OCTETS_MAX = 256 * 1024;

export class ClientInput {
  #framer: Framer;
  readonly #connection: Pick<Connection, 'write'>;
  readonly #clock: Clock;
  readonly #flow: Flow;
  #closed = false;
  #heardMs: number;
  /** Of a command that has begun and is not whole. */
  #arrival: Arrival | undefined;
  /** Silence counts from the last octet; else from the call, so that a stranger's trickle keeps nothing open. */
  isPatient = false;

  constructor(
    connection: Pick<Connection, 'write' | 'pause' | 'resume'>,
    limits: FramingLimits,
    clock: Clock,
  ) {
    this.#framer = new Framer(limits);
    this.#connection = connection;
    this.#clock = clock;
    this.#flow = new Flow(connection, clock, BUFFERED_OCTETS_MAX);
    this.#heardMs = clock.monotonicMs();
  }

  set limits(limits: FramingLimits) {
    this.#framer.limits = limits;
  }

  data(bytes: Buffer): void {
    this.#heardMs = this.#clock.monotonicMs();
    this.#arrival?.add(bytes.length);
    this.#framer.push(bytes);
    this.#flow.arrived(this.#framer.bufferedOctets);
  }

  /** Forgets everything that came and was not given out. The connection flows again if it had been paused for it. */
  discard(): void {
    this.#framer = new Framer(this.#framer.limits);
    this.#arrival = undefined;
    this.#flow.resume();
  }

  close(): void {
    this.#closed = true;
    this.#flow.wake();
  }

  /** The connection is over; nothing is read after that. */
  end(): void {
    this.#framer.end();
  }

  /**
   * The next input; 'idle' when none was complete within `idleMs`. One call at a time. Commands sent before the client
   * left still count.
   */
  async next(want: Want, idleMs: number): Promise<Input> {
    const calledMs = this.#clock.monotonicMs();
    for (;;) {
      const framed = this.#framer.next(want);
      if (framed.kind === 'continue') {
        this.#connection.write(CONTINUE);
        continue;
      }
      if (framed.kind !== 'more') {
        this.#arrival = undefined;
        return framed;
      }
      if (this.#closed) return { kind: 'closed' };
      if (this.#framer.isWithin) this.#arrival ??= new Arrival(this.#clock.monotonicMs());
      const restMs = (this.#arrival?.untilMs ?? Infinity) - this.#clock.monotonicMs();
      if (restMs <= 0) return { kind: 'fatal', why: 'a command takes too long to come' };
      const sinceMs = this.isPatient ? Math.max(calledMs, this.#heardMs) : calledMs;
      const leftMs = sinceMs + idleMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return { kind: 'idle' };
      await this.#flow.more(Math.min(leftMs, restMs));
    }
  }
}

/** RFC 3501 section 7.5; some clients want the space and a text. */
const CONTINUE = Buffer.from('+ go ahead\r\n');

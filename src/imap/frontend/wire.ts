/**
 * A client's connection as commands, lines and answers: what log-in and relay read from and write to. Back-pressure and
 * the end of the connection are those of every protocol (src/relay/client.ts).
 */
import type { Clock, Connection, TlsInfo, TlsServerOptions } from '../../platform/platform.ts';
import { Client } from '../../relay/client.ts';
import type { FramingLimits, Want } from '../codec/framing.ts';
import { refusedLine } from '../codec/write.ts';
import { ClientInput, type Input } from './input.ts';

export class Wire {
  readonly #client: Client;
  readonly #input: ClientInput;
  #stopping = false;

  constructor(connection: Connection, limits: FramingLimits, clock: Clock) {
    this.#client = new Client(connection, clock);
    this.#input = new ClientInput(connection, limits, clock);
  }

  get connection(): Pick<Connection, 'local' | 'remote' | 'tls'> {
    return this.#client.connection;
  }

  get tls(): TlsInfo | undefined {
    return this.#client.connection.tls;
  }

  /** The client has left, or is unreachable. */
  get gone(): boolean {
    return this.#client.gone;
  }

  /** Resolves when it is gone; never rejects. */
  get closed(): Promise<void> {
    return this.#client.closed;
  }

  /** Call once, in the turn in which the connection was handed over. */
  start(): void {
    this.#client.start({ data: (bytes) => this.#input.data(bytes), ended: () => this.#input.close() });
  }

  /** Somebody is logged in: larger commands, and silence is counted from the last octet that came. */
  loggedIn(limits: FramingLimits): void {
    this.#input.limits = limits;
    this.#input.isPatient = true;
  }

  next(want: Want, idleMs: number): Promise<Input> {
    return this.#input.next(want, idleMs);
  }

  /** Rejects with ClientGone, as `write`. */
  line(text: string): Promise<void> {
    return this.write(Buffer.from(`${text}\r\n`));
  }

  write(bytes: Buffer): Promise<void> {
    return this.#client.write(bytes);
  }

  /**
   * STARTTLS: says `ok` as the last line in the clear; resolves when the handshake is done. Octets that came behind the
   * command are thrown away in the same turn, so that nothing an attacker put there is taken for a command of the client
   * (RFC 3501 section 6.2.1: the client waits for the OK; RFC 3207 section 4.2 says why).
   */
  async secure(tls: TlsServerOptions, ok: string): Promise<void> {
    const handshake = this.#client.secure(Buffer.from(`${ok}\r\n`), tls);
    this.#input.discard();
    await handshake;
  }

  /** Answers what is no command; false when the connection is over. */
  async answer(input: Exclude<Input, { kind: 'command' }>): Promise<boolean> {
    switch (input.kind) {
      case 'bad':
        await this.line(refusedLine(input));
        return true;
      case 'fatal':
        await this.line(`* BYE ${input.why}`);
        return false;
      case 'idle':
        await this.line('* BYE idle for too long');
        return false;
      case 'closed':
        if (this.#stopping) await this.line('* BYE server shutting down, connect again');
        return false;
      case 'line':
        return true;
      default:
        return input satisfies never;
    }
  }

  /** The server stops: commands that have come are still answered, then `answer` says BYE. */
  stop(): void {
    this.#stopping = true;
    this.#input.close();
  }

  /** Sends what is queued and ends the connection; resolves when it is closed, which it is soon. */
  end(): Promise<void> {
    this.#input.end();
    return this.#client.end();
  }
}

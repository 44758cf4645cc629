/**
 * One client of the PWD service: reads its lines, feeds the session one at a time, performs the effects on the
 * administration and the authenticator. How it reads, writes and ends is that of all protocols (src/relay/).
 *
 * Invariants: one command at a time; memory is bounded by a line, a receive buffer and what `Client` queues; a session that
 * is not logged in after LOGIN_MS, or idle for IDLE_MS, is ended.
 */
import { commandName, execute, type Outcome, setOwnPassword } from '../admin/commands.ts';
import type { Administration } from '../admin/types.ts';
import { failureCode } from '../lib/failure.ts';
import { formatEndpoint } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import { passwordsAllowed } from '../login/exposure.ts';
import type { AuthenticatedAs, Authenticator } from '../login/types.ts';
import type { Clock, Connection } from '../platform/platform.ts';
import { Client, ClientGone } from '../relay/client.ts';
import { LineReader } from '../relay/line-reader.ts';
import type { Service } from '../relay/listener.ts';
import { LINE_OCTETS_MAX, LOGIN_LINE_OCTETS_MAX } from './codec.ts';
import { commandLine } from './lines.ts';
import { type Effect, type Input, isLoggedIn, newSession, type Session, step } from './session.ts';

export interface CliConnectionOptions {
  readonly admin: Administration;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Named in the greeting. */
  readonly host: string;
  readonly version: string;
}

/** From the connection to the log-in, whatever is said meanwhile: a guess at a password must not buy time. */
export const LOGIN_MS = 60_000;
/** Between commands; clients count on 5 minutes. */
export const IDLE_MS = 5 * 60_000;
/** Octets of an answer that are made and written at a time. */
const PIECE_OCTETS = 32 * 1024;
/** How long the owner of an account may take to check a password. */
const AUTHENTICATE_MS = 10_000;

export class CliConnection implements Service {
  readonly #options: CliConnectionOptions;
  readonly #client: Client;
  readonly #reader: LineReader;
  readonly #logger: Logger;
  readonly #loginUntilMs: number;
  #session: Session;
  #stopping = false;

  /** In the turn in which the connection was accepted. */
  constructor(connection: Connection, options: CliConnectionOptions) {
    const { clock, logger, host, version } = options;
    this.#options = options;
    this.#client = new Client(connection, clock);
    this.#reader = new LineReader(connection, clock);
    this.#logger = logger.child({ remote: formatEndpoint(connection.remote) });
    this.#loginUntilMs = clock.monotonicMs() + LOGIN_MS;
    this.#session = newSession(host, version);
    this.#client.start(this.#reader);
    void this.#serve();
  }

  /** Not when the last command is: one that hangs keeps no connection. */
  get over(): Promise<void> {
    return this.#client.closed;
  }

  get isLoggedIn(): boolean {
    return isLoggedIn(this.#session);
  }

  stop(): void {
    this.#stopping = true;
    this.#reader.stop();
  }

  /** Never rejects. */
  async #serve(): Promise<void> {
    try {
      // No password crosses a network in the clear: the listener of a management address has TLS from the first octet on.
      const isSafe = passwordsAllowed(this.#client.connection);
      for (let input: Input | undefined = { kind: isSafe ? 'connected' : 'unsafe' }; input !== undefined; ) {
        const [session, effects] = step(this.#session, input);
        this.#session = session;
        input = await this.#perform(effects);
      }
    } catch (error) {
      if (!(error instanceof ClientGone)) this.#logger.error({ err: error }, 'cli connection failed');
    }
    await this.#client.end();
  }

  /** Gives what is to be fed next: the result of the work, or what the client sends; undefined when the session is over. */
  async #perform(effects: readonly Effect[]): Promise<Input | undefined> {
    for (const effect of effects)
      switch (effect.kind) {
        case 'send':
          await this.#client.write(Buffer.from(effect.text));
          break;
        case 'send-all':
          await this.#sendAll(effect.pieces);
          break;
        case 'close':
          return undefined;
        case 'authenticate':
          return this.#authenticate(effect.login, effect.password);
        case 'execute':
          return this.#execute(effect);
        case 'set-own-password':
          return this.#setOwnPassword(effect);
        default:
          effect satisfies never;
      }
    return this.#read();
  }

  async #read(): Promise<Input | undefined> {
    const untilMs = this.isLoggedIn ? this.#options.clock.monotonicMs() + IDLE_MS : this.#loginUntilMs;
    const octetsMax = this.isLoggedIn ? LINE_OCTETS_MAX : LOGIN_LINE_OCTETS_MAX;
    const read = await this.#reader.next(octetsMax, untilMs);
    switch (read.kind) {
      case 'line':
      case 'too-long':
        return commandLine(read);
      case 'late':
        return { kind: 'idle' };
      case 'closed':
        return this.#stopping ? { kind: 'stopping' } : undefined;
      default:
        return read satisfies never;
    }
  }

  /** An answer is made as the client takes it: a listing may have millions of entries. */
  async #sendAll(pieces: Iterable<string>): Promise<void> {
    let text = '';
    for (const piece of pieces) {
      text += piece;
      if (text.length < PIECE_OCTETS) continue;
      await this.#client.write(Buffer.from(text));
      text = '';
    }
    if (text !== '') await this.#client.write(Buffer.from(text));
  }

  async #authenticate(login: string, password: string): Promise<Input> {
    const { local, remote } = this.#client.connection;
    try {
      const who = await this.#options.authenticator.verifyPassword(login, password, {
        service: 'pwd',
        remoteHost: remote.host,
        localHost: local.host,
        timeoutMs: AUTHENTICATE_MS,
      });
      this.#logger.info({ login: who.login }, 'cli log-in');
      return { kind: 'authenticated', who };
    } catch (error) {
      const code = failureCode(error);
      // Who guesses gets lines without a stack: they say all there is.
      const isAnswer = code === 'refused' || code === 'limit';
      this.#logger.warn({ login, ...(isAnswer ? { code } : { err: error }) }, 'cli log-in failed');
      return { kind: 'not-authenticated', code };
    }
  }

  async #execute({ who, line }: Effect & { kind: 'execute' }): Promise<Input> {
    const outcome = await execute(this.#options.admin, who, line);
    return this.#executed(who, commandName(line), outcome);
  }

  async #setOwnPassword({ who, password }: Effect & { kind: 'set-own-password' }): Promise<Input> {
    const outcome = await setOwnPassword(this.#options.admin, who, password);
    return this.#executed(who, 'NEWPASS', outcome);
  }

  /** Arguments are not logged: they may hold passwords. */
  #executed({ login }: AuthenticatedAs, command: string | undefined, outcome: Outcome): Input {
    if (outcome.kind === 'refused')
      this.#logger.warn(
        { login, command, reason: outcome.reason, err: outcome.cause },
        `cli: ${outcome.message}`,
      );
    else this.#logger.info({ login, command }, 'cli command');
    return { kind: 'executed', outcome };
  }
}

/**
 * The PWD service: connections to sessions. It reads lines, feeds the session one at a time, performs its effects on
 * the administration and the authenticator, and holds what arrives back while a command runs or the client does not
 * read its answers. The listener is the member's; it hands connections in, inside TLS where that is asked for.
 *
 * Invariants: at most `connectionsMax` sessions; one command at a time on each; memory for one is bounded by a line and
 * a receive buffer; a session not logged in after LOGIN_MS, or idle for IDLE_MS, is ended.
 */
import { commandName, execute, type Outcome, setOwnPassword } from '../admin/commands.ts';
import type { Administration } from '../admin/types.ts';
import { failureCode } from '../lib/failure.ts';
import { formatEndpoint } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import { passwordsAllowed } from '../login/exposure.ts';
import type { Authenticator } from '../login/types.ts';
import type { Clock, Connection, Timer } from '../platform/platform.ts';
import { answer, CODE, LINE_OCTETS_MAX, LOGIN_LINE_OCTETS_MAX } from './codec.ts';
import { Lines } from './lines.ts';
import { type Effect, type Input, isBusy, isLoggedIn, newSession, type Session, step } from './session.ts';

/** From the connection to the log-in. */
export const LOGIN_MS = 60_000;
/** Between commands; clients count on 5 minutes. */
export const IDLE_MS = 5 * 60_000;
/** For the last answer to be taken by the client. */
export const LINGER_MS = 5000;
/** Octets of an answer that are made and written at a time. */
const PIECE_OCTETS = 32 * 1024;
/** How long the owner of an account may take to check a password. */
const AUTHENTICATE_MS = 10_000;

export interface CliOptions {
  readonly admin: Administration;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Named in the greeting. */
  readonly host: string;
  readonly version: string;
  readonly connectionsMax: number;
}

export class CliService {
  readonly #options: CliOptions;
  readonly #running = new Set<CliConnection>();
  #stopping = false;

  constructor(options: CliOptions) {
    this.#options = options;
  }

  get connections(): number {
    return this.#running.size;
  }

  /** Takes a connection over; to be called in the turn in which it was accepted. */
  accept(connection: Connection): void {
    const why = this.#refusal(connection);
    if (why !== undefined) {
      const linger = this.#options.clock.timer(LINGER_MS, () => connection.destroy());
      connection.start({ data: () => {}, closed: () => linger.cancel() });
      connection.write(Buffer.from(answer(CODE.failed, why)));
      connection.end();
      return;
    }
    const running = new CliConnection(connection, this.#options);
    this.#running.add(running);
    void running.over.then(() => this.#running.delete(running));
  }

  #refusal(connection: Connection): string | undefined {
    if (this.#stopping) return 'the server is stopping';
    // No password crosses a network in the clear: the listener of a management address has TLS from the first octet on.
    if (!passwordsAllowed(connection))
      return 'log in with TLS, or from this machine, for example through ssh';
    return this.#running.size < this.#options.connectionsMax
      ? undefined
      : 'too many connections, try again later';
  }

  /** Lets running commands end and says why; drops what is left when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    const all = [...this.#running];
    for (const each of all) each.stop();
    const drop = (): void => all.forEach((each) => each.drop());
    signal.addEventListener('abort', drop);
    if (signal.aborted) drop();
    await Promise.all(all.map((each) => each.over));
    signal.removeEventListener('abort', drop);
  }
}

class CliConnection {
  readonly #connection: Connection;
  readonly #options: CliOptions;
  readonly #logger: Logger;
  readonly #lines = new Lines();
  #session: Session;
  #timer: Timer | undefined;
  /** The client does not take what we write. */
  #blocked = false;
  /** The rest of an answer, not made yet. */
  #pieces: Iterator<string> | undefined;
  /** The client sends no more. */
  #ended = false;
  #stopping = false;
  /** We said the last word, or the connection is gone. */
  #closing = false;
  readonly over: Promise<void>;
  #setOver!: () => void;

  constructor(connection: Connection, options: CliOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#logger = options.logger.child({ remote: formatEndpoint(connection.remote) });
    this.#session = newSession(options.host, options.version);
    this.over = new Promise((resolve) => {
      this.#setOver = resolve;
    });
    connection.start({
      data: (bytes) => this.#received(bytes),
      drained: () => {
        this.#blocked = false;
        // Who still takes a long answer is not idle.
        if (this.#pieces !== undefined) this.#wait(IDLE_MS);
        this.#sendOn();
        this.#pump();
      },
      ended: () => {
        this.#ended = true;
        this.#pump();
      },
      closed: () => this.#closed(),
    });
    this.#wait(LOGIN_MS);
    this.#feed({ kind: 'connected' });
  }

  /** Ends the session, after the command that runs. */
  stop(): void {
    this.#stopping = true;
    this.#pump();
  }

  drop(): void {
    this.#connection.destroy();
  }

  #received(bytes: Buffer): void {
    if (this.#closing) return;
    this.#lines.push(bytes);
    this.#pump();
  }

  /** Neither a command nor an answer is under way, and the client takes what we write. */
  get #takesLines(): boolean {
    return !this.#blocked && this.#pieces === undefined && !isBusy(this.#session);
  }

  /** Feeds lines while the session takes them, and stops reading while it does not. */
  #pump(): void {
    while (!this.#closing && this.#takesLines) {
      if (this.#stopping) {
        this.#feed({ kind: 'stopping' });
        return;
      }
      const line = this.#lines.next(isLoggedIn(this.#session) ? LINE_OCTETS_MAX : LOGIN_LINE_OCTETS_MAX);
      if (line.kind === 'more') {
        if (this.#ended) this.#finish();
        break;
      }
      // A guess at a password must not buy time.
      if (isLoggedIn(this.#session)) this.#wait(IDLE_MS);
      this.#feed(
        line.kind === 'value' ? { kind: 'line', text: line.value } : { kind: 'bad-line', why: line.why },
      );
    }
    if (this.#closing) return;
    if (this.#takesLines) this.#connection.resume();
    else this.#connection.pause();
  }

  #feed(input: Input): void {
    const [session, effects] = step(this.#session, input);
    this.#session = session;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#write(effect.text);
        return;
      case 'send-all':
        this.#pieces = effect.pieces;
        this.#sendOn();
        return;
      case 'close':
        this.#finish();
        return;
      case 'authenticate':
        void this.#authenticate(effect.login, effect.password);
        return;
      case 'execute':
        void this.#execute(effect);
        return;
      case 'set-own-password':
        void this.#setOwnPassword(effect);
        return;
    }
  }

  /** Makes and writes what is left of an answer, as far as the client takes it. */
  #sendOn(): void {
    while (this.#pieces !== undefined && !this.#blocked) {
      let text = '';
      while (text.length < PIECE_OCTETS) {
        const piece = this.#pieces.next();
        if (piece.done === true) {
          this.#pieces = undefined;
          break;
        }
        text += piece.value;
      }
      this.#write(text);
    }
  }

  #write(text: string): void {
    if (!this.#connection.write(Buffer.from(text))) this.#blocked = true;
  }

  async #authenticate(login: string, password: string): Promise<void> {
    try {
      const who = await this.#options.authenticator.verifyPassword(login, password, {
        service: 'pwd',
        remoteHost: this.#connection.remote.host,
        localHost: this.#connection.local.host,
        timeoutMs: AUTHENTICATE_MS,
      });
      this.#logger.info({ login: who.login }, 'cli log-in');
      this.#done({ kind: 'authenticated', who });
    } catch (error) {
      const code = failureCode(error);
      // Who guesses gets lines without a stack: they say all there is.
      const isAnswer = code === 'refused' || code === 'limit';
      this.#logger.warn({ login, ...(isAnswer ? { code } : { err: error }) }, 'cli log-in failed');
      this.#done({ kind: 'not-authenticated', code });
    }
  }

  async #execute({ who, line }: Effect & { kind: 'execute' }): Promise<void> {
    const outcome = await execute(this.#options.admin, who, line);
    this.#report(who.login, commandName(line), outcome);
    this.#done({ kind: 'executed', outcome });
  }

  async #setOwnPassword({ who, password }: Effect & { kind: 'set-own-password' }): Promise<void> {
    const outcome = await setOwnPassword(this.#options.admin, who, password);
    this.#report(who.login, 'NEWPASS', outcome);
    this.#done({ kind: 'executed', outcome });
  }

  /** Arguments are not logged: they may hold passwords. */
  #report(login: string, command: string | undefined, outcome: Outcome): void {
    if (outcome.kind === 'refused')
      this.#logger.warn(
        { login, command, reason: outcome.reason, err: outcome.cause },
        `cli: ${outcome.message}`,
      );
    else this.#logger.info({ login, command }, 'cli command');
  }

  /** A result for the session, which may have ended meanwhile. */
  #done(input: Input): void {
    if (this.#closing) return;
    this.#feed(input);
    if (input.kind === 'authenticated') this.#wait(IDLE_MS);
    this.#pump();
  }

  /** Ends the session when nothing happens for so long; a command that runs is not idle. */
  #wait(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.timer(ms, () => {
      if (isBusy(this.#session)) this.#wait(ms);
      else this.#feed({ kind: 'idle' });
    });
  }

  #finish(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#pieces = undefined;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.timer(LINGER_MS, () => this.#connection.destroy());
    this.#connection.resume();
    this.#connection.end();
  }

  #closed(): void {
    this.#closing = true;
    this.#pieces = undefined;
    this.#timer?.cancel();
    this.#setOver();
  }
}

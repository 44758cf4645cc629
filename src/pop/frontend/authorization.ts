/**
 * The AUTHORIZATION state (RFC 1939 section 4): STLS (RFC 2595), USER and PASS (RFC 1939 section 7), AUTH (RFC 5034). It
 * ends with an open maildrop or with the connection.
 *
 * Invariants: no password is taken where others could hear it; what came in the clear behind STLS is never heard, and
 * nothing said before it counts (RFC 2595 section 4); an unknown name and a wrong password get the same answer.
 */
import { failureCode } from '../../lib/failure.ts';
import { passwordsAllowed } from '../../login/exposure.ts';
import type { AuthenticatedAs, LoginAttempt } from '../../login/types.ts';
import { ClientGone } from '../../relay/client.ts';
import { authenticate } from '../../sasl/authenticate.ts';
import { SaslCancelled } from '../../sasl/types.ts';
import type { Command } from '../codec/command.ts';
import { err, ok, TRY_LATER } from '../codec/response.ts';
import { capa, lang, offeredMechanisms } from './common.ts';
import type { PopConnectionOptions } from './connection.ts';
import type { Door } from './door.ts';
import { PopSaslExchange, readInitialResponse } from './sasl.ts';
import { Transaction, type Write } from './transaction.ts';

/** A wrong password costs its sender this much each time; what limits guessing over the whole cluster is the owners'. */
const REFUSAL_DELAY_MS = 1000;
export const REFUSALS_MAX = 5;

const WRONG = err('wrong name or password', 'AUTH');
/** RFC 3206 section 4: not [AUTH], for another password would not help. */
const NEEDS_TLS = err('no password is taken here without TLS, use STLS first', 'SYS/PERM');

/** What a command before log-in comes to. */
type Step = Transaction | 'go-on' | 'close';

export class Authorization {
  readonly #options: PopConnectionOptions;
  readonly #door: Door;
  /** On the monotonic clock: who has not logged in by then is not served. */
  readonly #untilMs: number;
  /** From a USER that the next command may follow with PASS. */
  #user: string | undefined;
  #refusals = 0;

  constructor(options: PopConnectionOptions, door: Door, untilMs: number) {
    this.#options = options;
    this.#door = door;
    this.#untilMs = untilMs;
  }

  /** The opened maildrop, or undefined when the connection is over. */
  async run(): Promise<Transaction | undefined> {
    for (;;) {
      const command = await this.#door.next('AUTHORIZATION', this.#untilMs);
      if (command === undefined) return undefined;
      const user = this.#user;
      // RFC 1939 section 7: PASS comes immediately after a USER that was answered +OK.
      this.#user = undefined;
      const step = await this.#run(command, user);
      if (step === 'close') return undefined;
      if (step !== 'go-on') return step;
    }
  }

  async #run(command: Command, user: string | undefined): Promise<Step> {
    const door = this.#door;
    switch (command.name) {
      case 'QUIT':
        await door.line(ok('bye'));
        return 'close';
      case 'CAPA':
        await capa(door, 'AUTHORIZATION', this.#options.tls);
        return 'go-on';
      case 'LANG':
        await lang(door, command.language);
        return 'go-on';
      case 'STLS':
        return this.#startTls();
      case 'USER':
        if (!passwordsAllowed(door.connection)) await door.line(NEEDS_TLS);
        else {
          this.#user = command.user;
          // RFC 1939 section 13: whether there is such a maildrop is nobody's business.
          await door.line(ok('now the password'));
        }
        return 'go-on';
      case 'PASS':
        if (!passwordsAllowed(door.connection)) await door.line(NEEDS_TLS);
        else if (user === undefined) await door.line(err('USER comes before PASS'));
        else
          return this.#logIn(user, () =>
            this.#options.authenticator.verifyPassword(user, command.password, this.#attempt()),
          );
        return 'go-on';
      case 'AUTH':
        return this.#authenticate(command);
      default:
        throw new Error(`${command.name} in the AUTHORIZATION state`);
    }
  }

  async #startTls(): Promise<Step> {
    const { tls, logger } = this.#options;
    const { client, connection, reader } = this.#door;
    if (connection.tls !== undefined) {
      await this.#door.line(err('TLS is on already'));
      return 'go-on';
    }
    if (tls === undefined) {
      await this.#door.line(err('there is no TLS here'));
      return 'go-on';
    }
    try {
      const secured = client.secure(Buffer.from(`${ok('begin TLS now')}\r\n`), tls);
      // In the same turn: what is here now came in the clear.
      reader.discard();
      await secured;
      return 'go-on';
    } catch (error) {
      logger.info({ remote: connection.remote.host, err: error }, 'pop: TLS handshake failed');
      return 'close';
    }
  }

  async #authenticate(command: Extract<Command, { name: 'AUTH' }>): Promise<Step> {
    const { authenticator, random } = this.#options;
    const door = this.#door;
    const mechanism = command.mechanism.toUpperCase();
    if (!passwordsAllowed(door.connection)) {
      await door.line(NEEDS_TLS);
      return 'go-on';
    }
    if (!offeredMechanisms(door).includes(mechanism))
      return (await door.bad('no such mechanism')) ? 'go-on' : 'close';
    return this.#logIn(undefined, async () =>
      authenticate({
        mechanism,
        initialResponse:
          command.initialResponse === undefined ? undefined : readInitialResponse(command.initialResponse),
        exchange: new PopSaslExchange(door, this.#untilMs),
        authenticator,
        attempt: this.#attempt(),
        tls: door.connection.tls,
        random,
      }),
    );
  }

  /** `user` is for the log, where it is known. */
  async #logIn(user: string | undefined, verify: () => Promise<AuthenticatedAs>): Promise<Step> {
    const { logger } = this.#options;
    const remote = this.#door.connection.remote.host;
    let login: AuthenticatedAs;
    try {
      login = await verify();
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      if (error instanceof SaslCancelled) return this.#notUnderstood('log-in cancelled');
      logger.info({ user, remote, err: error }, 'pop: log-in failed');
      return this.#refused(failureCode(error));
    }
    return this.#open(login);
  }

  async #refused(code: ReturnType<typeof failureCode>): Promise<Step> {
    const { clock } = this.#options;
    switch (code) {
      case 'invalid':
        return this.#notUnderstood('the log-in was not understood');
      case 'refused':
      case 'not-found':
      case 'limit':
        await clock.sleep(REFUSAL_DELAY_MS);
        await this.#door.line(
          code === 'limit' ? err('too many attempts to log in, try again later', 'SYS/TEMP') : WRONG,
        );
        return ++this.#refusals >= REFUSALS_MAX ? 'close' : 'go-on';
      default:
        await this.#door.line(TRY_LATER);
        return 'go-on';
    }
  }

  /** Counts as a failed log-in: the AUTH before it was well formed and ended the row of bad commands. */
  async #notUnderstood(why: string): Promise<Step> {
    const isLast = ++this.#refusals >= REFUSALS_MAX;
    await this.#door.line(err(isLast ? `${why}; too many of these, closing` : why));
    return isLast ? 'close' : 'go-on';
  }

  async #open({ object, login }: AuthenticatedAs): Promise<Step> {
    if (object === undefined) {
      await this.#door.line(err('this name has no maildrop', 'AUTH'));
      return ++this.#refusals >= REFUSALS_MAX ? 'close' : 'go-on';
    }
    const { dial, transactions, clock, logger, stallMs } = this.#options;
    const door = this.#door;
    const write: Write = async (bytes, isLast) => {
      // It asked for much and left: there is nobody to send it to, and nothing to hold it back.
      if (!isLast && door.client.gone) throw new ClientGone('the client has left in the middle of an answer');
      await door.write(bytes);
    };
    const transaction = new Transaction({
      object,
      login,
      dial,
      transactions,
      clock,
      logger,
      stallMs,
      write,
    });
    const opened = await transaction.open();
    if (opened !== 'opened') return opened;
    logger.info({ login, remote: door.connection.remote.host }, 'pop: logged in');
    return transaction;
  }

  #attempt(): LoginAttempt {
    const { remote, local } = this.#door.connection;
    return {
      service: 'pop3',
      remoteHost: remote.host,
      localHost: local.host,
      timeoutMs: this.#options.stallMs,
    };
  }
}

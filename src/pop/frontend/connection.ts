/**
 * A client's connection on a frontend: greeting, AUTHORIZATION, TRANSACTION, and with QUIT the UPDATE state (RFC 1939
 * section 3). Commands are answered one after another, in order, however many come at once (RFC 2449 section 6.6). The
 * loss of an owner does not end a connection.
 *
 * A session that ends in any other way than by QUIT deletes nothing (RFC 1939 section 6).
 */
import type { Dial } from '../../cluster/dial.ts';
import type { TransactionNumbers } from '../../directory/transactions.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Authenticator } from '../../login/types.ts';
import type { Clock, Connection, Random, TlsServerOptions } from '../../platform/platform.ts';
import { ClientGone } from '../../relay/client.ts';
import type { Service } from '../../relay/listener.ts';
import { ok } from '../codec/response.ts';
import { Authorization } from './authorization.ts';
import { capa, lang } from './common.ts';
import { Door } from './door.ts';
import type { Transaction } from './transaction.ts';

export interface PopConnectionOptions {
  /** Undefined where there is no TLS. */
  readonly tls: TlsServerOptions | undefined;
  readonly authenticator: Authenticator;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long a command waits for an owner before `-ERR [SYS/TEMP]`. */
  readonly stallMs: number;
}

/** RFC 1939 section 3: an autologout timer is of at least ten minutes. */
export const IDLE_MS = 10 * 60_000;
/** From the connection to the log-in, whatever is said meanwhile; not less, as the RFC makes no difference. */
export const LOGIN_MS = 10 * 60_000;

export class PopConnection implements Service {
  readonly over: Promise<void>;
  readonly #options: PopConnectionOptions;
  readonly #door: Door;
  #isLoggedIn = false;

  /** In the turn in which the connection was accepted. */
  constructor(connection: Connection, options: PopConnectionOptions) {
    this.#options = options;
    this.#door = new Door(connection, options.clock);
    this.over = this.#serve();
  }

  get isLoggedIn(): boolean {
    return this.#isLoggedIn;
  }

  /** POP3 has no words for it (every line is the answer to a command): the running command ends, then the connection. */
  stop(): void {
    this.#door.reader.stop();
  }

  /** Never rejects. */
  async #serve(): Promise<void> {
    const { clock, logger } = this.#options;
    const door = this.#door;
    try {
      // No <timestamp> in it: that would offer APOP (RFC 1939 section 7), which needs passwords kept in the clear.
      await door.line(ok('Postern POP3 server ready'));
      const authorization = new Authorization(this.#options, door, clock.monotonicMs() + LOGIN_MS);
      const transaction = await authorization.run();
      if (transaction !== undefined) await this.#transact(transaction);
    } catch (error) {
      if (!(error instanceof ClientGone))
        logger.error({ err: error, remote: door.connection.remote.host }, 'pop connection failed');
    }
    await door.client.end();
  }

  async #transact(transaction: Transaction): Promise<void> {
    const { clock, tls } = this.#options;
    const door = this.#door;
    this.#isLoggedIn = true;
    try {
      for (;;) {
        const command = await door.next('TRANSACTION', clock.monotonicMs() + IDLE_MS);
        if (command === undefined) return;
        switch (command.name) {
          case 'NOOP':
            await door.line(ok('nothing done'));
            break;
          case 'CAPA':
            await capa(door, 'TRANSACTION', tls);
            break;
          case 'LANG':
            await lang(door, command.language);
            break;
          case 'USER':
          case 'PASS':
          case 'AUTH':
          case 'STLS':
            throw new Error(`${command.name} in the TRANSACTION state`);
          default:
            if ((await transaction.run(command)) === 'close') return;
        }
      }
    } finally {
      transaction.detach();
    }
  }
}

/**
 * A client's connection on a frontend: log-in (login.ts), and then every command relayed to the owner of the account. A
 * connection ends with LOGOUT, by its client, after 30 idle minutes (RFC 3501 section 5.4), or when the server stops; the
 * loss of an owner does not end it.
 */

import type { Dial } from '../../cluster/dial.ts';
import type { TransactionNumbers } from '../../directory/transactions.ts';
import type { Budget } from '../../lib/budget.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock, Connection } from '../../platform/platform.ts';
import { ClientGone } from '../../relay/client.ts';
import type { ObjectId } from '../../store/ids.ts';
import { tagOf } from '../codec/framing.ts';
import { sayBye } from '../commands/logout.ts';
import { parseCommand, specOfFrame } from '../commands/parse.ts';
import type { Command } from '../commands/table.ts';
import type { CommandSpec } from '../commands/types.ts';
import { AUTHENTICATED_LIMITS, UNAUTHENTICATED_LIMITS } from '../limits.ts';
import { Login, type LoginOptions } from './login.ts';
import { type IdleEnd, Relay } from './relay.ts';
import { Wire } from './wire.ts';

export interface ConnectionOptions extends LoginOptions {
  readonly connection: Connection;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared by the connections of a listener. */
  readonly budget?: Pick<Budget, 'take' | 'give'>;
}

/** RFC 3501 section 5.4: at least thirty minutes. */
const IDLE_AFTER_LOGIN_MS = 30 * 60_000;

export class ImapConnection {
  readonly #options: ConnectionOptions;
  readonly #wire: Wire;
  #isLoggedIn = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#wire = new Wire(options.connection, UNAUTHENTICATED_LIMITS, options.clock);
  }

  get isLoggedIn(): boolean {
    return this.#isLoggedIn;
  }

  /** Serves the client until its connection is closed. Never rejects. */
  async serve(): Promise<void> {
    const { connection, logger } = this.#options;
    this.#wire.start();
    try {
      const login = await new Login(this.#wire, this.#options).run();
      if (login?.object !== undefined) await this.#relay(login.object);
    } catch (error) {
      if (!(error instanceof ClientGone))
        logger.error({ err: error, remote: connection.remote.host }, 'imap connection failed');
    }
    await this.#wire.end();
  }

  /** The server stops: says so after the running command, then closes. */
  stop(): void {
    this.#wire.stop();
  }

  async #relay(object: ObjectId): Promise<void> {
    const { dial, transactions, clock, logger, stallMs, appendOctetsMax, budget } = this.#options;
    const wire = this.#wire;
    this.#isLoggedIn = true;
    wire.loggedIn({ ...AUTHENTICATED_LIMITS, appendOctetsMax, ...(budget && { budget }) });
    const relay = new Relay({ object, dial, transactions, clock, logger, stallMs, client: wire });
    try {
      for (;;) {
        const input = await wire.next('command', IDLE_AFTER_LOGIN_MS);
        if (input.kind !== 'command') {
          if (!(await wire.answer(input))) return;
          continue;
        }
        const { octets } = input;
        const { tag, ours } = headOf(octets);
        if (ours === 'ends-connection') return await sayBye(wire, tag);
        let ended: IdleEnd | undefined;
        const idle = async (): Promise<IdleEnd> => (ended = await this.#idle());
        const command = { tag, octets, ...(ours === 'runs-until-line' && { idle }) };
        const afterwards = await relay.run(command);
        if (afterwards === 'close' || wire.gone) return;
        if (ended === 'silence') return await wire.line('* BYE idle for too long');
      }
    } finally {
      relay.detach();
    }
  }

  /** Resolves when the client has ended its IDLE (RFC 2177 section 3) in any way. */
  async #idle(): Promise<IdleEnd> {
    const input = await this.#wire.next('line', IDLE_AFTER_LOGIN_MS);
    if (input.kind === 'idle') return 'silence';
    if (input.kind === 'closed') return 'done';
    return input.kind === 'line' && /^done$/i.test(input.octets.toString('latin1')) ? 'done' : 'other';
  }
}

/** Most commands are the owner's altogether, and only it looks into them; of some the frontend has a part. */
function headOf(octets: Buffer): {
  readonly tag: string;
  readonly ours: CommandSpec<Command>['atFrontend'] | undefined;
} {
  const ours = specOfFrame(octets)?.atFrontend;
  const parsed = ours && parseCommand(octets, { utf8: false });
  if (parsed?.kind === 'command') return { tag: parsed.tag, ours };
  return { tag: tagOf(octets) ?? '*', ours: undefined };
}

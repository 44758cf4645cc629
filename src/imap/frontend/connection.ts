/**
 * A client's connection on a frontend: greeting, log-in (RFC 9051 section 6.2), and then every command relayed to the
 * owner of the account. A connection ends with LOGOUT, by its client, after 30 idle minutes (RFC 9051 section 5.4), or
 * when the server stops; the loss of an owner does not end it.
 */

import type { TransactionNumbers } from '../../directory/transactions.ts';
import type { AuthenticatedAs, Authenticator } from '../../directory/types.ts';
import { failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock, Connection } from '../../platform/platform.ts';
import { capabilitiesAfterLogin, capabilitiesBeforeLogin } from '../capabilities.ts';
import { AUTHENTICATED_LIMITS, tagOf, UNAUTHENTICATED_LIMITS } from '../codec/framing.ts';
import { parseCommand } from '../codec/parse.ts';
import type { Command } from '../codec/types.ts';
import type { Dial } from './dial.ts';
import { ClientInput, type Input } from './input.ts';
import { readPlain } from './plain.ts';
import { Relay } from './relay.ts';

export interface ConnectionOptions {
  readonly connection: Connection;
  readonly authenticator: Authenticator;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
  /** False where a password would cross a network in the clear: LOGINDISABLED. */
  readonly passwordsAllowed: boolean;
  readonly stallMs: number;
}

const IDLE_BEFORE_LOGIN_MS = 60_000;
const IDLE_AFTER_LOGIN_MS = 30 * 60_000;
/** A wrong password costs its sender this much more each time. */
const REFUSAL_DELAY_MS = 1000;
const REFUSALS_MAX = 5;
/** Commands refused by the grammar before log-in: then it is no mail client. */
const BAD_BEFORE_LOGIN_MAX = 10;
/** Octets waiting for a client that does not read. */
const QUEUED_OCTETS_MAX = 256 * 1024;

export class ImapConnection {
  readonly #options: ConnectionOptions;
  readonly #input: ClientInput;
  #drained: () => void = () => undefined;
  #gone = false;
  #stopping = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#input = new ClientInput(options.connection, UNAUTHENTICATED_LIMITS, options.clock);
  }

  /** Serves the client until it is gone. Never rejects. */
  async serve(): Promise<void> {
    const { connection, logger } = this.#options;
    connection.start({
      data: (bytes) => this.#input.data(bytes),
      drained: () => this.#drained(),
      ended: () => this.#input.close(),
      closed: () => {
        this.#gone = true;
        this.#input.close();
        this.#drained();
      },
    });
    try {
      await this.#greet();
      const login = await this.#login();
      if (login?.object !== undefined) await this.#relay(login);
    } catch (error) {
      if (!this.#gone) logger.error({ err: error, remote: connection.remote.host }, 'imap connection failed');
    }
    connection.end();
  }

  /** The server stops: says so after the running command, then closes. */
  stop(): void {
    this.#stopping = true;
    this.#input.close();
  }

  async #greet(): Promise<void> {
    const list = capabilitiesBeforeLogin(this.#options.passwordsAllowed).join(' ');
    await this.#line(`* OK [CAPABILITY ${list}] Postern ready`);
  }

  /** Commands of the not authenticated state, until somebody is logged in or the client is gone. */
  async #login(): Promise<AuthenticatedAs | undefined> {
    let bad = 0;
    let refusals = 0;
    for (;;) {
      const input = await this.#input.next('command', IDLE_BEFORE_LOGIN_MS);
      if (input.kind !== 'command') {
        if (!(await this.#unusual(input)) || ++bad >= BAD_BEFORE_LOGIN_MAX) return undefined;
        continue;
      }
      const parsed = parseCommand(input.octets, { utf8: false });
      if (parsed.kind === 'bad') {
        await this.#line(`${parsed.tag ?? '*'} ${join(parsed.status, parsed.code, parsed.why)}`);
        if (++bad >= BAD_BEFORE_LOGIN_MAX) return undefined;
        continue;
      }
      const { tag, command } = parsed;
      if (command.name === 'LOGOUT') {
        await this.#bye(tag);
        return undefined;
      }
      const tried = await this.#beforeLogin(tag, command);
      if (tried === 'refused') {
        if (++refusals >= REFUSALS_MAX) {
          await this.#line('* BYE too many failed log-ins');
          return undefined;
        }
      } else if (tried !== undefined) return tried;
    }
  }

  async #beforeLogin(tag: string, command: Command): Promise<AuthenticatedAs | 'refused' | undefined> {
    switch (command.name) {
      case 'CAPABILITY':
        await this.#line(`* CAPABILITY ${capabilitiesBeforeLogin(this.#options.passwordsAllowed).join(' ')}`);
        await this.#line(`${tag} OK done`);
        return undefined;
      case 'NOOP':
        await this.#line(`${tag} OK done`);
        return undefined;
      case 'ID':
        await this.#line('* ID ("name" "Postern")');
        await this.#line(`${tag} OK done`);
        return undefined;
      case 'LOGIN':
        return this.#verify(tag, command.user, command.password);
      case 'AUTHENTICATE':
        return this.#authenticate(tag, command.mechanism, command.initialResponse);
      default:
        await this.#line(`${tag} BAD log in first`);
        return undefined;
    }
  }

  async #authenticate(
    tag: string,
    mechanism: string,
    initial: Buffer | undefined,
  ): Promise<AuthenticatedAs | 'refused' | undefined> {
    if (mechanism !== 'PLAIN') {
      await this.#line(`${tag} NO [CANNOT] unsupported mechanism`);
      return undefined;
    }
    const response = initial ?? (await this.#challenge());
    const plain = response && readPlain(response);
    if (plain === undefined) {
      await this.#line(`${tag} BAD authentication cancelled or not understood`); // RFC 9051 section 6.2.2
      return undefined;
    }
    if (plain.authzid !== '' && plain.authzid !== plain.authcid) {
      await this.#line(`${tag} NO [AUTHORIZATIONFAILED] no right to act for another`);
      return 'refused';
    }
    return this.#verify(tag, plain.authcid, plain.password);
  }

  /** Undefined when the client cancelled with `*` or what it sent is no base64. */
  async #challenge(): Promise<Buffer | undefined> {
    await this.#line('+ ');
    const input = await this.#input.next('line', IDLE_BEFORE_LOGIN_MS);
    if (input.kind !== 'line') return undefined;
    const text = input.octets.toString('latin1');
    return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
      ? Buffer.from(text, 'base64')
      : undefined;
  }

  async #verify(
    tag: string,
    user: string,
    password: string,
  ): Promise<AuthenticatedAs | 'refused' | undefined> {
    const { authenticator, appendOctetsMax, clock, logger, passwordsAllowed, stallMs, connection } =
      this.#options;
    if (!passwordsAllowed) {
      await this.#line(`${tag} NO [PRIVACYREQUIRED] log-in needs TLS here`);
      return undefined;
    }
    try {
      const login = await authenticator.verifyPassword(user, password, stallMs);
      if (login.object === undefined) {
        await this.#line(`${tag} NO [CANNOT] this name has no mailboxes`);
        return 'refused';
      }
      await this.#line(
        `${tag} OK [CAPABILITY ${capabilitiesAfterLogin(appendOctetsMax).join(' ')}] logged in`,
      );
      return login;
    } catch (error) {
      const refused = failureCode(error) === 'refused' || failureCode(error) === 'not-found';
      logger.info({ user, remote: connection.remote.host, err: error }, 'imap log-in failed');
      if (refused) await clock.sleep(REFUSAL_DELAY_MS);
      // RFC 5530: AUTHENTICATIONFAILED says nothing about whether the name exists.
      await this.#line(
        refused
          ? `${tag} NO [AUTHENTICATIONFAILED] wrong name or password`
          : `${tag} NO [UNAVAILABLE] try again later`,
      );
      return refused ? 'refused' : undefined;
    }
  }

  async #relay(login: AuthenticatedAs): Promise<void> {
    const { connection, dial, transactions, clock, logger, stallMs, appendOctetsMax } = this.#options;
    this.#input.limits = { ...AUTHENTICATED_LIMITS, appendOctetsMax };
    const relay = new Relay({
      object: login.object!,
      login: login.login,
      remoteAddress: connection.remote.host,
      dial,
      transactions,
      clock,
      logger,
      stallMs,
      write: (bytes) => this.#write(bytes),
    });
    try {
      for (;;) {
        const input = await this.#input.next('command', IDLE_AFTER_LOGIN_MS);
        if (input.kind !== 'command') {
          if (!(await this.#unusual(input))) return;
          continue;
        }
        const tag = tagOf(input.octets);
        const verb = VERB.exec(input.octets.toString('latin1', 0, 300))?.[1]?.toUpperCase();
        if (verb === 'LOGOUT' && tag !== undefined) return await this.#bye(tag);
        const idle = verb === 'IDLE' && tag !== undefined ? { done: this.#done() } : {};
        const afterwards = await relay.run({ tag: tag ?? '*', octets: input.octets, ...idle });
        if (afterwards === 'close' || this.#gone) return;
      }
    } finally {
      relay.detach();
    }
  }

  /** Resolves when the client has ended its IDLE in any way: DONE (RFC 2177), another line, or leaving. */
  async #done(): Promise<void> {
    await this.#input.next('line', IDLE_AFTER_LOGIN_MS);
  }

  /** Answers what is no command; false when the connection is over. */
  async #unusual(input: Exclude<Input, { kind: 'command' }>): Promise<boolean> {
    switch (input.kind) {
      case 'bad':
        await this.#line(`${input.tag ?? '*'} ${join(input.status, input.code, input.why)}`);
        return true;
      case 'fatal':
        await this.#line(`* BYE ${input.why}`);
        return false;
      case 'idle':
        await this.#line('* BYE idle for too long');
        return false;
      case 'closed':
        if (this.#stopping) await this.#line('* BYE server shutting down, connect again');
        return false;
      case 'line':
        return true;
    }
  }

  async #bye(tag: string): Promise<void> {
    await this.#line('* BYE see you');
    await this.#line(`${tag} OK logged out`);
  }

  #line(text: string): Promise<void> {
    return this.#write(Buffer.from(`${text}\r\n`));
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#gone) throw new Error('the client is gone');
    if (this.#options.connection.write(bytes)) return;
    while (this.#options.connection.queuedOctets > QUEUED_OCTETS_MAX && !this.#gone)
      await new Promise<void>((resolve) => (this.#drained = resolve));
  }
}

/** Verb behind the tag; the owner parses the command as a whole. */
const VERB = /^[^ ]{1,255} ([A-Za-z]{1,32})(?: |$)/;

function join(...words: readonly string[]): string {
  return words
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .join(' ');
}

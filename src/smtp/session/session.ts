/**
 * The state of one client's session and the way of each command through it: is it one, is it its turn, what came of it,
 * and has the client had its share of errors. RFC 5321, RFC 2033, RFC 6409.
 */

import { passwordsAllowed } from '../../login/exposure.ts';
import type { AuthenticatedAs } from '../../login/types.ts';
import type { Address, TlsInfo } from '../../platform/platform.ts';
import { mechanisms } from '../../sasl/authenticate.ts';
import { parseCommand } from '../codec/command.ts';
import {
  AUTH_FAILURES_MAX,
  COMMAND_OCTETS_MAX,
  REFUSALS_MAX,
  SMTP_RECIPIENTS_MAX,
  UNKNOWN_COMMANDS_MAX,
} from '../limits.ts';
import type { Reply } from '../types.ts';
import { commandFor } from './commands.ts';
import { type Dialogue, type Outcome, reply, type SessionOptions, type Transaction } from './types.ts';

export interface Hello {
  readonly verb: 'HELO' | 'EHLO' | 'LHLO';
  /** As the client said it. */
  readonly name: string;
}

export interface SessionStart {
  readonly options: SessionOptions;
  readonly id: string;
  readonly local: Address;
  readonly remote: Address;
  readonly tls: TlsInfo | undefined;
  readonly dialogue: Dialogue;
  /** The client has done what it is here for: a message of it was accepted, or it has logged in. */
  readonly earned: () => void;
}

const CRLF_OCTETS = 2;
/** What a browser sends when a page makes it talk to us: none of it is worth an answer. */
const HTTP_REQUEST = /^[A-Z]+ \S+ HTTP\/\d/;
const UNKNOWN: Outcome = reply(500, '5.5.2 not a command of this server');
const NO_COMMAND: Outcome = reply(500, '5.5.2 not a command: characters that no command has');
const TOO_LONG: Outcome = reply(500, '5.5.2 line too long');

export class Session {
  readonly options: SessionOptions;
  readonly id: string;
  readonly local: Address;
  readonly remote: Address;
  readonly dialogue: Dialogue;
  readonly #earned: () => void;
  /** Transactions begun so far; gives each message its id. */
  transactions = 0;
  authFailures = 0;
  #tls: TlsInfo | undefined;
  #hello: Hello | undefined;
  #user: AuthenticatedAs | undefined;
  #transaction: Transaction | undefined;
  #unknown = 0;
  #refusals = 0;

  constructor(start: SessionStart) {
    this.options = start.options;
    this.id = start.id;
    this.local = start.local;
    this.remote = start.remote;
    this.dialogue = start.dialogue;
    this.#earned = start.earned;
    this.#tls = start.tls;
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get hello(): Hello | undefined {
    return this.#hello;
  }

  get user(): AuthenticatedAs | undefined {
    return this.#user;
  }

  get transaction(): Transaction | undefined {
    return this.#transaction;
  }

  get isLmtp(): boolean {
    return this.options.protocol === 'lmtp';
  }

  get recipientsMax(): number {
    return this.isLmtp ? this.options.recipientsMax : SMTP_RECIPIENTS_MAX;
  }

  /** SASL mechanisms that may be used here now, strongest first; none where log-ins are not taken. */
  get mechanisms(): readonly string[] {
    const { tls, remote } = this;
    const { login } = this.options;
    return login === undefined
      ? []
      : mechanisms({ tls, passwordsAllowed: passwordsAllowed({ tls, remote }) });
  }

  /** EHLO, HELO and LHLO end what was begun (RFC 5321 section 4.1.4). */
  greeted(hello: Hello): void {
    this.reset();
    this.#hello = hello;
  }

  loggedIn(user: AuthenticatedAs): void {
    this.#user = user;
    this.#earned();
  }

  begin(transaction: Transaction): void {
    this.#transaction = transaction;
    this.transactions++;
  }

  /** Ends the transaction. What it holds is given back. */
  reset(): void {
    this.#transaction?.content?.[Symbol.dispose]();
    this.#transaction = undefined;
  }

  /** A client whose mail is taken is none that only tries things out. */
  accepted(): void {
    this.#unknown = 0;
    this.#refusals = 0;
    this.#earned();
  }

  /** Nothing the client said before TLS counts any longer (RFC 3207 section 4.2). */
  secured(tls: TlsInfo): void {
    this.reset();
    this.#hello = undefined;
    this.#user = undefined;
    this.#tls = tls;
  }

  /** Carries a command out. `line` comes without CRLF. */
  command(line: Buffer): Outcome | Promise<Outcome> {
    const parsed = parseCommand(line);
    const isAuth = parsed?.verb === 'AUTH'; // its lines have a limit of their own
    if (line.length + CRLF_OCTETS > COMMAND_OCTETS_MAX && !isAuth) return this.#counted(TOO_LONG);
    if (parsed === undefined) return this.#unknownCommand(NO_COMMAND);
    const { verb, argument } = parsed;
    const command = commandFor(verb, this);
    if (command === undefined) {
      return HTTP_REQUEST.test(`${verb} ${argument}`)
        ? closing('4.7.0 this is no web server')
        : this.#unknownCommand(UNKNOWN);
    }
    if (command.after === 'hello' && this.#hello === undefined)
      return this.#counted(reply(503, `5.5.1 send ${this.isLmtp ? 'LHLO' : 'EHLO'} first`));
    const outcome = command.run(this, argument);
    return outcome instanceof Promise ? outcome.then((done) => this.#counted(done)) : this.#counted(outcome);
  }

  #unknownCommand(outcome: Outcome): Outcome {
    return ++this.#unknown >= UNKNOWN_COMMANDS_MAX ? closing('4.7.0 too many unknown commands') : outcome;
  }

  /**
   * Replies to commands only: those to messages are counted by nobody, a relay cannot help what it relays. Nor are
   * temporary ones: that a recipient too many is answered 452, or that an owner is away, is no fault of the client.
   */
  #counted(outcome: Outcome): Outcome {
    if (this.isLmtp || outcome.kind !== 'reply' || outcome.reply.code < 400) return outcome;
    if (this.authFailures >= AUTH_FAILURES_MAX)
      return closing('4.7.0 too many failed log-ins', outcome.reply);
    if (outcome.reply.code < 500) return outcome;
    return ++this.#refusals >= REFUSALS_MAX ? closing('4.7.0 too many errors', outcome.reply) : outcome;
  }
}

/** RFC 5321 section 3.8: who closes says 421, behind the reply to the command where there is one. */
export function closing(text: string, first?: Reply): Outcome {
  const last = { code: 421, text };
  return { kind: 'close', replies: first === undefined ? [last] : [first, last] };
}

/**
 * The not authenticated state (RFC 3501 section 6.2): the greeting, and those commands of the table that have a meaning
 * here, until one of them has let somebody in. Who may log in is for the owner of the account to say; here is only how
 * long and how often it may be tried, and what crosses in the clear.
 *
 * Passwords cross only where `passwordsAllowed` says so: without, LOGINDISABLED, and no mechanism that shows one.
 */

import { failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import { passwordsAllowed } from '../../login/exposure.ts';
import type { AuthenticatedAs, Authenticator, LoginAttempt } from '../../login/types.ts';
import type { Clock, Connection, Random, TlsServerOptions } from '../../platform/platform.ts';
import { ClientGone } from '../../relay/client.ts';
import { mechanisms } from '../../sasl/authenticate.ts';
import { SaslCancelled } from '../../sasl/types.ts';
import { capabilitiesAfterLogin, capabilitiesBeforeLogin } from '../capabilities.ts';
import { refusedLine } from '../codec/write.ts';
import { parseCommand } from '../commands/parse.ts';
import { type Command, specOf } from '../commands/table.ts';
import type { Door, Tried } from './door.ts';
import type { Wire } from './wire.ts';

export interface LoginOptions {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
  /** For STARTTLS; undefined where there is none. */
  readonly tls: TlsServerOptions | undefined;
  /** `imap` or `imaps`: for limits and logs. */
  readonly service: string;
  readonly stallMs: number;
  /** In place of the rule of src/login/exposure.ts, where there is no network to listen on (the simulation). */
  readonly passwordsAllowed?: (connection: Pick<Connection, 'tls' | 'remote'>) => boolean;
}

/**
 * RFC 3501 section 5.4: at least thirty minutes, before log-in too, as people are asked for their password when the program
 * has connected already. Who waits here keeps nobody out: the listener takes the places of those who are not logged in when
 * it needs them.
 */
const IDLE_BEFORE_LOGIN_MS = 30 * 60_000;
const REFUSALS_MAX = 5;
/** Commands that are none or that are not for this state: then it is no mail client. */
const BAD_MAX = 10;

export class Login implements Door {
  readonly wire: Wire;
  readonly options: LoginOptions;

  constructor(wire: Wire, options: LoginOptions) {
    this.wire = wire;
    this.options = options;
  }

  /** Greets, and answers until somebody is logged in; undefined when the connection is over. */
  async run(): Promise<AuthenticatedAs | undefined> {
    await this.wire.line(`* OK [CAPABILITY ${this.capabilities.join(' ')}] Postern ready`);
    let bad = 0;
    let refusals = 0;
    for (;;) {
      const tried = await this.#next();
      if (tried === 'over') return undefined;
      if (tried === 'bad') bad++;
      if (tried === 'refused') refusals++;
      if (typeof tried === 'object') return tried;
      if (bad >= BAD_MAX || refusals >= REFUSALS_MAX) {
        await this.wire.line(`* BYE too many ${bad >= BAD_MAX ? 'bad commands' : 'failed log-ins'}`);
        return undefined;
      }
    }
  }

  async #next(): Promise<Tried> {
    const input = await this.wire.next('command', this.patienceMs);
    if (input.kind !== 'command') return (await this.wire.answer(input)) ? 'bad' : 'over';
    const parsed = parseCommand(input.octets, { utf8: false });
    if (parsed.kind === 'command') return this.#command(parsed.tag, parsed.command);
    await this.line(refusedLine(parsed));
    return 'bad';
  }

  async #command(tag: string, command: Command): Promise<Tried> {
    const spec = specOf(command.name);
    if (spec?.atDoor !== undefined && spec.phases.includes('not-authenticated'))
      return spec.atDoor(this, tag, command);
    await this.line(`${tag} BAD log in first`);
    return 'bad';
  }

  line(text: string): Promise<void> {
    return this.wire.line(text);
  }

  async ok(tag: string): Promise<Tried> {
    await this.line(`${tag} OK done`);
    return 'go-on';
  }

  async verified(tag: string, what: object, work: () => Promise<AuthenticatedAs>): Promise<Tried> {
    const { logger, appendOctetsMax, service } = this.options;
    const remote = this.wire.connection.remote.host;
    try {
      const who = await work();
      if (who.object === undefined) {
        await this.wire.line(`${tag} NO [AUTHORIZATIONFAILED] this name has no mailboxes`);
        return 'refused';
      }
      const list = capabilitiesAfterLogin({ appendOctetsMax }).join(' ');
      await this.wire.line(`${tag} OK [CAPABILITY ${list}] logged in`);
      return who;
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      const [tried, answer] = refusalOf(error);
      logger.info({ ...what, service, remote, err: error }, 'imap log-in failed');
      await this.wire.line(`${tag} ${answer}`);
      return tried;
    }
  }

  get patienceMs(): number {
    return IDLE_BEFORE_LOGIN_MS;
  }

  attempt(): LoginAttempt {
    const { local, remote } = this.wire.connection;
    const { service, stallMs } = this.options;
    return { service, remoteHost: remote.host, localHost: local.host, timeoutMs: stallMs };
  }

  get passwordsAllowed(): boolean {
    return (this.options.passwordsAllowed ?? passwordsAllowed)(this.wire.connection);
  }

  get mechanisms(): readonly string[] {
    return mechanisms({ tls: this.wire.tls, passwordsAllowed: this.passwordsAllowed });
  }

  get capabilities(): readonly string[] {
    return capabilitiesBeforeLogin({
      startTls: this.options.tls !== undefined && this.wire.tls === undefined,
      mechanisms: this.mechanisms,
      passwordsAllowed: this.passwordsAllowed,
    });
  }
}

/** What a log-in that failed is answered. RFC 5530 section 3: none of these says whether the name exists. */
function refusalOf(error: unknown): readonly ['refused' | 'bad' | 'go-on', string] {
  // RFC 3501 section 6.2.2: `*`, and what is no base64, is answered BAD.
  if (error instanceof SaslCancelled) return ['bad', 'BAD authentication cancelled'];
  switch (failureCode(error)) {
    case 'invalid':
      return ['bad', 'BAD authentication message not understood'];
    case 'refused':
    case 'not-found':
      return ['refused', 'NO [AUTHENTICATIONFAILED] wrong name or password'];
    case 'limit':
      return ['refused', 'NO [LIMIT] too many attempts, try again later'];
    default:
      return ['go-on', 'NO [UNAVAILABLE] try again later'];
  }
}

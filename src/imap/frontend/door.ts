/** What a command before log-in works with: the connection, who may say who somebody is, and how answers are counted. */
import type { AuthenticatedAs, LoginAttempt } from '../../login/types.ts';
import type { LoginOptions } from './login.ts';
import type { Wire } from './wire.ts';

/** How one command went: somebody is in, a log-in was refused, it was no good, or the client may go on. */
export type Tried = AuthenticatedAs | 'refused' | 'bad' | 'go-on' | 'over';

export interface Door {
  readonly wire: Wire;
  readonly options: LoginOptions;
  /** As this connection has them now. */
  readonly capabilities: readonly string[];
  /** SASL mechanisms, strongest first. */
  readonly mechanisms: readonly string[];
  readonly passwordsAllowed: boolean;
  /** How long the client's next line is waited for. */
  readonly patienceMs: number;
  /** For the authenticator: who asks, from where. */
  attempt(): LoginAttempt;
  line(text: string): Promise<void>;
  /** The tagged OK of a command with nothing more to say. */
  ok(tag: string): Promise<Tried>;
  /** Does the work and answers the command, whichever way it asked. `what` goes to the log. */
  verified(tag: string, what: object, work: () => Promise<AuthenticatedAs>): Promise<Tried>;
}

/**
 * The SASL mechanisms (RFC 4422) that we have, in one table: which connection is offered what, and what runs it. The
 * protocols bring the framing (`SaslExchange`), the account's owner checks (`Authenticator`).
 *
 * Nothing is offered, and nothing is done, where a password may not cross: SCRAM does not show the password, but what it
 * shows is enough to try guesses on at leisure, and nothing of the session behind it would be secret.
 */
import { Failure } from '../lib/failure.ts';
import { passwordsAllowed } from '../login/exposure.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { TlsInfo } from '../platform/platform.ts';
import { hasBinding } from './channel-binding.ts';
import { login } from './login.ts';
import { plain } from './plain.ts';
import { scram } from './scram.ts';
import type { Authenticate, Mechanisms, SaslOptions } from './types.ts';

interface Mechanism {
  readonly name: string;
  readonly isFor: (tls: TlsInfo | undefined) => boolean;
  readonly run: (options: SaslOptions) => Promise<AuthenticatedAs>;
}

/** Strongest first: many clients take the first they know. */
const MECHANISMS: readonly Mechanism[] = [
  { name: 'SCRAM-SHA-256-PLUS', isFor: hasBinding, run: (options) => scram(options, true) },
  { name: 'SCRAM-SHA-256', isFor: () => true, run: (options) => scram(options, false) },
  { name: 'PLAIN', isFor: () => true, run: plain },
  { name: 'LOGIN', isFor: () => true, run: login },
];

export const mechanisms: Mechanisms = ({ tls, passwordsAllowed }) =>
  passwordsAllowed ? MECHANISMS.filter(({ isFor }) => isFor(tls)).map(({ name }) => name) : [];

export const authenticate: Authenticate = async (options) => {
  const { attempt, tls } = options;
  const wanted = options.mechanism.toUpperCase();
  const mechanism = MECHANISMS.find(({ name, isFor }) => name === wanted && isFor(tls));
  const remote = { host: attempt.remoteHost, port: 0 };
  if (mechanism === undefined || !passwordsAllowed({ tls, remote }))
    throw new Failure('invalid', 'no such mechanism here');
  return mechanism.run(options);
};

/**
 * SASL LOGIN (draft-murchison-sasl-login-00): two challenges, a name and a password. Obsolete and without a standard;
 * mail programs still ask for it. The texts of the challenges are those that every client knows. A client may send the
 * name as initial response.
 */
import type { AuthenticatedAs } from '../login/types.ts';
import { invalid, responseText } from './responses.ts';
import type { SaslOptions } from './types.ts';

const USERNAME = Buffer.from('Username:');
const PASSWORD = Buffer.from('Password:');

export async function login(options: SaslOptions): Promise<AuthenticatedAs> {
  const { exchange, initialResponse, authenticator, attempt } = options;
  // An empty initial response is none: clients send `=` where their protocol wants something there.
  const given = initialResponse !== undefined && initialResponse.length > 0 ? initialResponse : undefined;
  const name = responseText(given ?? (await exchange.challenge(USERNAME)));
  if (name === '' || name.includes('\0')) throw invalid('LOGIN needs a name');
  const password = responseText(await exchange.challenge(PASSWORD));
  if (password === '' || password.includes('\0')) throw invalid('LOGIN needs a password');
  return authenticator.verifyPassword(name, password, attempt);
}

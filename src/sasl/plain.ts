/** SASL PLAIN (RFC 4616): one message with the name and the password. */
import { decodeUtf8 } from '../lib/utf8.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import { assertMayActAs, firstResponse, invalid, RESPONSE_OCTETS_MAX } from './responses.ts';
import type { SaslOptions } from './types.ts';

/** `[authzid] NUL authcid NUL passwd`, each in UTF-8 (RFC 4616 section 2). */
export interface Plain {
  /** Empty when there is none. */
  readonly authzid: string;
  readonly authcid: string;
  readonly password: string;
}

/** Undefined when it is no such message. */
export function readPlain(message: Buffer): Plain | undefined {
  if (message.length > RESPONSE_OCTETS_MAX) return undefined;
  const parts = decodeUtf8(message)?.split('\0') ?? [];
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || authzid === undefined || !authcid || !password) return undefined;
  return { authzid, authcid, password };
}

export async function plain(options: SaslOptions): Promise<AuthenticatedAs> {
  const message = readPlain(await firstResponse(options));
  if (message === undefined) throw invalid('not a message of PLAIN');
  const { authzid, authcid, password } = message;
  const who = await options.authenticator.verifyPassword(authcid, password, options.attempt);
  return assertMayActAs(authzid, authcid, who);
}

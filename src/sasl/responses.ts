/** What the mechanisms have in common: reading the client's responses, and whom they may act for. */
import { Failure } from '../lib/failure.ts';
import { decodeUtf8 } from '../lib/utf8.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { SaslOptions } from './types.ts';

/** Octets of one response: two names and a password of the longest kind (RFC 4616 section 2 asks for 255 each). */
export const RESPONSE_OCTETS_MAX = 4096;

/** The first response of a mechanism in which the client speaks first (RFC 4422 section 5.1). */
export async function firstResponse({ initialResponse, exchange }: SaslOptions): Promise<Buffer> {
  return initialResponse ?? (await exchange.challenge(Buffer.alloc(0)));
}

/** A response as text. Failure 'invalid' when it is too long or no UTF-8. */
export function responseText(response: Buffer): string {
  if (response.length > RESPONSE_OCTETS_MAX) throw invalid('a response is too long');
  const text = decodeUtf8(response);
  if (text === undefined) throw invalid('a response is not UTF-8');
  return text;
}

/**
 * Who logged in may act for nobody else (RFC 4422 section 2): the authorisation identity is empty, the name that was
 * given to log in, or what that name stands for. Failure 'refused'.
 */
export function assertMayActAs(authzid: string, authcid: string, who: AuthenticatedAs): AuthenticatedAs {
  if (authzid === '' || authzid === authcid || authzid === who.login) return who;
  throw new Failure('refused', 'no right to act for another');
}

export function invalid(why: string): Failure {
  return new Failure('invalid', why);
}

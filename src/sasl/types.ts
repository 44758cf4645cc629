/** SASL (RFC 4422) as the protocols use it: each gives the exchange its own framing, the mechanisms are the same. */
import type { AuthenticatedAs, Authenticator, LoginAttempt } from '../login/types.ts';
import type { Random, TlsInfo } from '../platform/platform.ts';

/** One exchange of challenges and responses, in the framing of a protocol. */
export interface SaslExchange {
  /**
   * Sends a challenge and resolves with the client's response, decoded. Rejects with SaslCancelled when the client gave
   * up (`*`), Failure 'invalid' when the response is no base64 or too long.
   */
  challenge(octets: Buffer): Promise<Buffer>;
}

/** The client cancelled the exchange (RFC 4422 section 3.5). */
export class SaslCancelled extends Error {}

export interface SaslOptions {
  /** As the client named it, any case. */
  readonly mechanism: string;
  /** Undefined when the client sent none; empty when it sent an empty one (`=`). */
  readonly initialResponse: Buffer | undefined;
  readonly exchange: SaslExchange;
  readonly authenticator: Authenticator;
  readonly attempt: LoginAttempt;
  readonly tls: TlsInfo | undefined;
  readonly random: Random;
}

/**
 * Runs a mechanism to its end: `authenticate` in `authenticate.ts`. Failure 'refused' (wrong name, password or proof, or
 * no right to act for another), 'invalid' (a message that breaks the mechanism's grammar, or no such mechanism),
 * 'unavailable', 'limit'.
 */
export type Authenticate = (options: SaslOptions) => Promise<AuthenticatedAs>;

/** What a connection may offer, strongest first: `mechanisms` in `authenticate.ts`. */
export type Mechanisms = (connection: {
  readonly tls: TlsInfo | undefined;
  /** Whether a password may cross here in the clear of this connection. */
  readonly passwordsAllowed: boolean;
}) => readonly string[];

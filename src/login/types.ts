/** Who logs in, from where, and what checks it (docs/doors.md). */
import type { ObjectId } from '../store/ids.ts';

/** Checks log-ins; the account's owner does the work, hashing has its own process. */
export interface Authenticator {
  /** The account's object id and present name when the password is right. Failure 'refused', 'unavailable', 'limit'. */
  verifyPassword(login: string, password: string, attempt: LoginAttempt): Promise<AuthenticatedAs>;
  /**
   * Begins SCRAM-SHA-256 (RFC 5802): salt and iterations, also for a name that leads nowhere. The keys stay with the
   * owner. Failure 'unavailable', 'limit'.
   */
  beginScram(login: string, attempt: LoginAttempt): Promise<ScramExchange>;
}

export interface ScramExchange {
  readonly salt: Buffer;
  readonly iterations: number;
  /** `authMessage` as of RFC 5802 section 3. Failure 'refused' when the proof is wrong, 'unavailable', 'limit'. */
  verify(
    authMessage: string,
    proof: Buffer,
  ): Promise<{ readonly who: AuthenticatedAs; readonly serverSignature: Buffer }>;
}

/** Where a log-in comes from: what limits count by, and what an unqualified name means. */
export interface LoginAttempt {
  /** `imap`, `submission` … for logs. */
  readonly service: string;
  /** The client's IP address. */
  readonly remoteHost: string;
  /** Our IP address that the client called: a domain may have it as its own. */
  readonly localHost: string;
  readonly timeoutMs: number;
}

export interface AuthenticatedAs {
  readonly kind: 'account' | 'administrator';
  /** As a person writes it: `user1@lab.example`, `postmaster`. */
  readonly login: string;
  readonly object: ObjectId | undefined;
}

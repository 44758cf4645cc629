/**
 * A session without its socket: a command goes in, an outcome comes out, and whoever has the socket performs it. Commands
 * are one file each, their table is `commands.ts`.
 */
import type { Budget } from '../../lib/budget.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Authenticator } from '../../login/types.ts';
import type { Clock, Random } from '../../platform/platform.ts';
import type { Content } from '../content.ts';
import type { Envelope, MailIntake, Protocol, Recipient, Reply, SenderCheck } from '../types.ts';

export interface SessionOptions {
  readonly protocol: Protocol;
  /** The name in the greeting and in Received fields. */
  readonly hostName: string;
  readonly messageOctetsMax: number;
  /** Of one LMTP transaction; a further RCPT is answered 452 4.5.3 (RFC 5321 section 4.5.3.1.10). */
  readonly recipientsMax: number;
  readonly intake: MailIntake;
  /** STARTTLS can be done. */
  readonly hasTls: boolean;
  /** Log-ins are taken. Submission needs it (RFC 6409 section 4.3). */
  readonly login: LoginOptions | undefined;
  /** Octets of messages that all connections together may hold. */
  readonly budget: Pick<Budget, 'take' | 'give'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface LoginOptions {
  readonly authenticator: Authenticator;
  readonly senders: SenderCheck;
}

/** What begins with MAIL and ends with the answer to the message, RSET, EHLO or QUIT (RFC 5321 section 3.3). */
export interface Transaction {
  readonly envelope: Envelope;
  readonly recipients: Recipient[];
  /** What has come of the message; undefined before DATA and the first BDAT. */
  content: Content | undefined;
  /** A chunk was refused, or DATA came among chunks: only RSET leads out (RFC 3030 section 2). */
  isBroken: boolean;
}

/** How the octets of a message are told from commands. */
export type Framing = { readonly kind: 'dots' } | { readonly kind: 'counted'; readonly octets: number };

/** What a command comes to. */
export type Outcome =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** The last replies; then the connection ends. */
  | { readonly kind: 'close'; readonly replies: readonly Reply[] }
  /** After this reply the TLS handshake begins, and with it a new session. */
  | { readonly kind: 'secure'; readonly reply: Reply }
  /**
   * Octets follow, which go to `add`; when they are there, `end` answers. `add` says false when nobody can tell where they
   * end: then `end` answers at once, and the connection is closed.
   */
  | {
      readonly kind: 'receive';
      readonly reply: Reply | undefined;
      readonly framing: Framing;
      readonly add: (octets: Buffer) => boolean;
      readonly end: () => Replies;
    };

/** In order; each is told as soon as it is there. */
export type Replies = AsyncIterable<Reply> | Iterable<Reply>;

export type Receiving = Extract<Outcome, { kind: 'receive' }>;

/** How a command talks to the client before its outcome: the challenges of AUTH. */
export interface Dialogue {
  /** Sends a reply and resolves with the next line, without CRLF. Rejects with Failure 'unavailable' when the client left. */
  ask(reply: Reply): Promise<Buffer>;
}

export function reply(code: number, text: string): Outcome {
  return { kind: 'reply', reply: { code, text } };
}

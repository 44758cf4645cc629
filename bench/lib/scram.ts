/** The client's side of SCRAM-SHA-256 without channel binding (RFC 5802 section 3, RFC 7677), in base64. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Salted passwords by salt and iterations: a client computes one once. */
export type SaltedPasswords = Map<string, Buffer>;

export interface ScramExchange {
  readonly first: string;
  /** The answer to the server's first message. */
  final(serverFirst: string): string;
}

export function scramExchange(
  { login, password }: { readonly login: string; readonly password: string },
  known: SaltedPasswords,
): ScramExchange {
  const bare = `n=${login},r=${randomBytes(18).toString('base64')}`;
  return {
    first: encode(`n,,${bare}`),
    final(serverFirst) {
      const message = Buffer.from(serverFirst, 'base64').toString();
      const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(message) ?? [];
      const key = `${salt} ${iterations} ${password}`;
      const salted =
        known.get(key) ?? pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
      known.set(key, salted);
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = `c=biws,r=${nonce}`;
      const signature = hmac(
        createHash('sha256').update(clientKey).digest(),
        `${bare},${message},${withoutProof}`,
      );
      const proof = clientKey.map((octet, index) => octet ^ signature[index]!);
      return encode(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
    },
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

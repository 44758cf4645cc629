/**
 * SCRAM-SHA-256 keys (RFC 5802 section 3, RFC 7677), derived when a password is set, and the forms of a password that
 * the mechanisms compare (SASLprep, RFC 4013; OpaqueString, RFC 8265 section 4.2).
 */
import { createHash, createHmac } from 'node:crypto';
import { Failure } from '../lib/failure.ts';

export interface ScramKeys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** RFC 7677 section 4 asks for at least 4096 and recommends more; clients pay this at each log-in. */
export const SCRAM_ITERATIONS = 15_000;
export const SCRAM_SALT_OCTETS = 16;
/** Octets of a password that we take; more is an attack on the hasher. */
export const PASSWORD_OCTETS_MAX = 1024;

/** From the salted password: Hi(Normalize(password), salt, i), which is PBKDF2 with HMAC-SHA-256. */
export function scramKeys(saltedPassword: Buffer, salt: Buffer, iterations: number): ScramKeys {
  const clientKey = hmac(saltedPassword, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  return { salt, iterations, storedKey, serverKey: hmac(saltedPassword, 'Server Key') };
}

/** OpaqueString: any space is U+0020, NFC; empty and controls are refused. What argon2id hashes. */
export function opaqueString(password: string): Buffer {
  return checked(password.replace(/\p{Zs}/gu, ' ').normalize('NFC'));
}

/** SASLprep as far as it changes what people type: spaces, characters mapped to nothing, NFKC. What SCRAM hashes. */
export function saslPrep(password: string): Buffer {
  return checked(
    password
      .replace(/\p{Zs}/gu, ' ')
      .replace(MAPPED_TO_NOTHING, '')
      .normalize('NFKC'),
  );
}

// RFC 3454 table B.1.
const MAPPED_TO_NOTHING =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200b-\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

function checked(password: string): Buffer {
  const octets = Buffer.from(password);
  if (octets.length === 0 || octets.length > PASSWORD_OCTETS_MAX || /[\p{Cc}\p{Cs}]/u.test(password))
    throw new Failure('invalid', 'not a password: empty, too long or with control characters');
  return octets;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

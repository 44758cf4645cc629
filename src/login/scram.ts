/**
 * SCRAM-SHA-256 keys (RFC 5802 section 3, RFC 7677), derived when a password is set, the check of a proof against them,
 * and the forms of a password that the mechanisms compare (SASLprep, RFC 4013; OpaqueString, RFC 8265 section 4.2).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { saslprep } from '@mongodb-js/saslprep';
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
/** A salt of another size is somebody's mistake. */
export const SCRAM_SALT_OCTETS_MAX = 64;
/** Of a key, a proof, a signature: SHA-256. */
export const SCRAM_HASH_OCTETS = 32;
/** Octets of a password that we take; more is an attack on the hasher. */
export const PASSWORD_OCTETS_MAX = 1024;

/** From the salted password: Hi(Normalize(password), salt, i), which is PBKDF2 with HMAC-SHA-256. */
export function scramKeys(saltedPassword: Buffer, salt: Buffer, iterations: number): ScramKeys {
  const clientKey = hmac(saltedPassword, 'Client Key');
  return { salt, iterations, storedKey: sha256(clientKey), serverKey: hmac(saltedPassword, 'Server Key') };
}

/**
 * The server's signature when the proof is right, else undefined (RFC 5802 section 3). Without keys it takes as long and
 * says no.
 */
export function checkProof(
  keys: ScramKeys | undefined,
  authMessage: string,
  proof: Buffer,
): Buffer | undefined {
  const { storedKey, serverKey } = keys ?? NOBODY;
  const signature = hmac(storedKey, authMessage);
  // ClientKey = ClientProof XOR ClientSignature; a proof of another length is wrong whatever is in it.
  const clientKey = signature.map((octet, index) => octet ^ (proof[index] ?? 0));
  const isRight = timingSafeEqual(sha256(clientKey), storedKey) && proof.length === SCRAM_HASH_OCTETS;
  const serverSignature = hmac(serverKey, authMessage);
  return isRight && keys !== undefined ? serverSignature : undefined;
}

const NOBODY: Pick<ScramKeys, 'storedKey' | 'serverKey'> = {
  storedKey: Buffer.alloc(SCRAM_HASH_OCTETS),
  serverKey: Buffer.alloc(SCRAM_HASH_OCTETS),
};

/** Whether it could be a password of anybody: of some length, not of any, and text. */
export function isPassword(password: string): boolean {
  return (
    password !== '' && Buffer.byteLength(password) <= PASSWORD_OCTETS_MAX && !/[\p{Cc}\p{Cs}]/u.test(password)
  );
}

/** OpaqueString: any space is U+0020, NFC; empty and controls are refused. What argon2id hashes. */
export function opaqueString(password: string): Buffer {
  return checked(password.replace(/\p{Zs}/gu, ' ').normalize('NFC'));
}

/**
 * What SCRAM hashes. A password that SASLprep refuses (code points that Unicode 3.2 did not have, mixed directions) is
 * taken as it stands: so do clients that do not refuse to log in with it, and it stays good for the other mechanisms.
 */
export function saslPrep(password: string): Buffer {
  return checked(prepared(checked(password).toString()));
}

function prepared(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}

function checked(password: string): Buffer {
  if (!isPassword(password))
    throw new Failure('invalid', 'not a password: empty, too long or with control characters');
  return Buffer.from(password);
}

function sha256(octets: Uint8Array): Buffer {
  return createHash('sha256').update(octets).digest();
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/**
 * Credentials of an account or an administrator: one versioned record, written when a password is set
 * (docs/architecture.md, section 5): argon2id (RFC 9106) and SCRAM-SHA-256 keys. Kept as the property `credentials` of
 * an account. The fields are tagged; a reader passes over those it does not know (docs/storage-slot.md).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { DecodeError, Decoder, Encoder } from '../lib/encoder.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import {
  opaqueString,
  SCRAM_HASH_OCTETS,
  SCRAM_ITERATIONS,
  SCRAM_SALT_OCTETS,
  SCRAM_SALT_OCTETS_MAX,
  type ScramKeys,
  saslPrep,
  scramKeys,
} from './scram.ts';

/** The property of an account that holds its credentials. */
export const CREDENTIALS_PROPERTY = 'credentials';

export interface Argon2Parameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** About 20 ms of one core; OWASP's first choice for argon2id. */
export const ARGON2_PARAMETERS: Argon2Parameters = { memoryKiB: 19_456, passes: 2, parallelism: 1 };
/** What a stored record may ask of the hasher at most: a damaged one must not take all memory. */
const ARGON2_MAX: Argon2Parameters = { memoryKiB: 262_144, passes: 16, parallelism: 4 };
export const ARGON2_SALT_OCTETS = 16;
export const ARGON2_TAG_OCTETS = 32;

/** Does the slow work, somewhere else than on this thread. Failure 'limit' when too many wait, 'unavailable'. */
export interface PasswordHasher {
  argon2id(password: Buffer, salt: Buffer, parameters: Argon2Parameters): Promise<Buffer>;
  /** PBKDF2 with HMAC-SHA-256, 32 octets. */
  pbkdf2(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer>;
}

export interface Credentials {
  readonly argon2id: Argon2Parameters & { readonly salt: Buffer; readonly tag: Buffer };
  readonly scramSha256: ScramKeys | undefined;
}

/** The record for a new password. Failure 'invalid' for one that cannot be a password. */
export async function makeCredentials(
  hasher: PasswordHasher,
  random: Random,
  password: string,
): Promise<Buffer> {
  const salt = random.bytes(ARGON2_SALT_OCTETS);
  const scramSalt = random.bytes(SCRAM_SALT_OCTETS);
  // Both forms before either is hashed: one that cannot be had must not leave the other's outcome to nobody.
  const [opaque, prepared] = [opaqueString(password), saslPrep(password)];
  const [tag, salted] = await Promise.all([
    hasher.argon2id(opaque, salt, ARGON2_PARAMETERS),
    hasher.pbkdf2(prepared, scramSalt, SCRAM_ITERATIONS),
  ]);
  const scramSha256 = scramKeys(salted, scramSalt, SCRAM_ITERATIONS);
  return encodeCredentials({ argon2id: { ...ARGON2_PARAMETERS, salt, tag }, scramSha256 });
}

/**
 * Whether the password is right. Without a record it takes as long and says no; `who` has a salt of its own then too, as
 * the queue before the hasher shares out its places by salt.
 */
export async function checkPassword(
  hasher: PasswordHasher,
  record: Buffer | undefined,
  password: string,
  who = '',
): Promise<boolean> {
  const stored = record === undefined ? nobody(who) : decodeCredentials(record).argon2id;
  const tag = await hasher.argon2id(opaqueString(password), stored.salt, stored);
  return timingSafeEqual(tag, stored.tag) && record !== undefined;
}

function nobody(who: string): Credentials['argon2id'] {
  const salt = createHash('sha256').update(who).digest().subarray(0, ARGON2_SALT_OCTETS);
  return { ...ARGON2_PARAMETERS, salt, tag: Buffer.alloc(ARGON2_TAG_OCTETS) };
}

const VERSION = 1;
const FIELD_ARGON2ID = 1;
const FIELD_SCRAM_SHA_256 = 2;

export function encodeCredentials({ argon2id, scramSha256 }: Credentials): Buffer {
  const fields: (readonly [number, Buffer])[] = [
    [
      FIELD_ARGON2ID,
      new Encoder()
        .uint(argon2id.memoryKiB)
        .uint(argon2id.passes)
        .uint(argon2id.parallelism)
        .bytes(argon2id.salt)
        .bytes(argon2id.tag)
        .done(),
    ],
  ];
  if (scramSha256 !== undefined) {
    const { salt, iterations, storedKey, serverKey } = scramSha256;
    const keys = new Encoder().uint(iterations).bytes(salt).bytes(storedKey).bytes(serverKey);
    fields.push([FIELD_SCRAM_SHA_256, keys.done()]);
  }
  return new Encoder()
    .uint(VERSION)
    .list(fields, ([tag, content], to) => to.uint(tag).bytes(content))
    .done();
}

/** Failure 'damaged' when it is no such record or asks for more than it ever would. */
export function decodeCredentials(record: Buffer): Credentials {
  try {
    return decode(new Decoder(record));
  } catch (error) {
    if (error instanceof DecodeError)
      throw new Failure('damaged', `credentials: ${error.message}`, { cause: error });
    throw error;
  }
}

function decode(from: Decoder): Credentials {
  if (from.uint() !== VERSION) throw new DecodeError('unknown version');
  const fields = new Map(from.list(() => [from.uint(), from.bytes()] as const));
  const argon2 = fields.get(FIELD_ARGON2ID);
  if (argon2 === undefined) throw new DecodeError('no argon2id');
  const scram = fields.get(FIELD_SCRAM_SHA_256);
  return {
    argon2id: decodeArgon2(new Decoder(argon2)),
    scramSha256: scram === undefined ? undefined : decodeScram(new Decoder(scram)),
  };
}

function decodeArgon2(from: Decoder): Credentials['argon2id'] {
  const parameters = { memoryKiB: from.uint(), passes: from.uint(), parallelism: from.uint() };
  const { memoryKiB, passes, parallelism } = parameters;
  // RFC 9106 section 3.1: at least 8 KiB of memory a lane, a salt of 8 octets.
  const isSane =
    parallelism >= 1 &&
    parallelism <= ARGON2_MAX.parallelism &&
    passes >= 1 &&
    passes <= ARGON2_MAX.passes &&
    memoryKiB >= 8 * parallelism &&
    memoryKiB <= ARGON2_MAX.memoryKiB;
  const salt = Buffer.from(from.bytes());
  const tag = Buffer.from(from.bytes());
  if (!isSane || salt.length < 8 || salt.length > 64 || tag.length !== ARGON2_TAG_OCTETS)
    throw new DecodeError('argon2id parameters out of range');
  return { ...parameters, salt, tag };
}

function decodeScram(from: Decoder): ScramKeys {
  const iterations = from.uint();
  const salt = Buffer.from(from.bytes());
  const storedKey = Buffer.from(from.bytes());
  const serverKey = Buffer.from(from.bytes());
  const areKeys = [storedKey, serverKey].every(({ length }) => length === SCRAM_HASH_OCTETS);
  if (iterations < 1 || salt.length === 0 || salt.length > SCRAM_SALT_OCTETS_MAX || !areKeys)
    throw new DecodeError('SCRAM parameters out of range');
  return { iterations, salt, storedKey, serverKey };
}

/**
 * Sealed values: AES-256-GCM under the first key of a ring, with the ring's and the value's name as associated data, so
 * that a value moved to another name, or to another ring, does not open. What is sealed may lie on shared storage.
 *
 * | octets | field |
 * | --- | --- |
 * | 1 | version, 1 |
 * | 8 | id of the key |
 * | 12 | nonce, random (NIST SP 800-38D section 8.2.2: at most 2^32 a key; ours are settings, not traffic) |
 * | … | ciphertext |
 * | 16 | tag |
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { Random } from '../../platform/platform.ts';
import { KEY_ID_OCTETS } from './keyring.ts';
import type { Keyring } from './types.ts';

const VERSION = 1;
const CIPHER = 'aes-256-gcm';
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const HEADER_OCTETS = 1 + KEY_ID_OCTETS + NONCE_OCTETS;

/** What a sealed value has more octets than what is in it. */
export const SEAL_OCTETS = HEADER_OCTETS + TAG_OCTETS;

/** Seals under the first key of the ring. `name` says what it is: the same one opens it. */
export function seal(ring: Keyring, name: string, octets: Buffer, random: Random): Buffer {
  const first = ring.keys[0];
  if (first === undefined) throw new Failure('unavailable', `keyring ${ring.name} is empty`);
  const nonce = random.bytes(NONCE_OCTETS);
  const header = Buffer.concat([Buffer.from([VERSION]), Buffer.from(first.id, 'hex'), nonce]);
  const cipher = createCipheriv(CIPHER, first.key, nonce, { authTagLength: TAG_OCTETS });
  cipher.setAAD(associated(ring, name, header));
  const body = Buffer.concat([cipher.update(octets), cipher.final()]);
  return Buffer.concat([header, body, cipher.getAuthTag()]);
}

/**
 * Failure 'unavailable' when its key is not in the ring (ours may be older than the value), 'damaged' when it is no sealed
 * value, was changed, or is another name's.
 */
export function unseal(ring: Keyring, name: string, sealed: Buffer): Buffer {
  const id = sealedUnder(sealed);
  if (id === undefined) throw new Failure('damaged', `${name}: not a sealed value`);
  const found = ring.keys.find((each) => each.id === id);
  if (found === undefined)
    throw new Failure('unavailable', `${name}: sealed under key ${id}, which keyring ${ring.name} has not`);
  const header = sealed.subarray(0, HEADER_OCTETS);
  const nonce = header.subarray(1 + KEY_ID_OCTETS);
  const decipher = createDecipheriv(CIPHER, found.key, nonce, { authTagLength: TAG_OCTETS });
  decipher.setAAD(associated(ring, name, header));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_OCTETS));
  try {
    const open = decipher.update(sealed.subarray(HEADER_OCTETS, sealed.length - TAG_OCTETS));
    return Buffer.concat([open, decipher.final()]);
  } catch (cause) {
    throw new Failure('damaged', `${name}: the sealed value was changed, or is another's`, { cause });
  }
}

/** The id of the key it was sealed under; undefined when it cannot be a sealed value. Rotation asks this. */
export function sealedUnder(sealed: Buffer): string | undefined {
  if (sealed.length < SEAL_OCTETS || sealed[0] !== VERSION) return undefined;
  return sealed.toString('hex', 1, 1 + KEY_ID_OCTETS);
}

/** The names cannot run into each other: a ring's has no NUL. */
function associated(ring: Keyring, name: string, header: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`postern sealed\0${ring.name}\0${name}\0`), header]);
}

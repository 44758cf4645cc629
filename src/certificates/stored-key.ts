/**
 * A private key as stored: the hash of its public key in the clear, by which one sees whose it is without opening it, and
 * the key (PKCS #8, DER) sealed for frontends under a name that holds the hash. So one that was put in another's place does
 * not open.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { seal, unseal } from '../cluster/security/sealed.ts';
import type { Keyring } from '../cluster/security/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import { publicKeyHash } from './identity.ts';

const HASH_OCTETS = 32;

export function storeKey(ring: Keyring, key: KeyObject, random: Random): Buffer {
  const hash = publicKeyHash(key);
  const octets = key.export({ type: 'pkcs8', format: 'der' });
  return Buffer.concat([hash, seal(ring, nameOf(hash), octets, random)]);
}

/** Whose it is. */
export function storedKeyHash(stored: Buffer): Buffer {
  return stored.subarray(0, HASH_OCTETS);
}

/** The part that is sealed: rotation asks under which key. */
export function storedKeySeal(stored: Buffer): Buffer {
  return stored.subarray(HASH_OCTETS);
}

/** Failure 'unavailable' when the ring does not have its key (yet), 'damaged' when it is no key, or was changed. */
export function openKey(ring: Keyring, stored: Buffer): KeyObject {
  const octets = unseal(ring, nameOf(storedKeyHash(stored)), storedKeySeal(stored));
  try {
    return createPrivateKey({ key: octets, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Failure('damaged', 'a sealed private key is none', { cause });
  }
}

/** The same key sealed under the first of the ring. Failures as `openKey`. */
export function resealKey(ring: Keyring, stored: Buffer, random: Random): Buffer {
  const hash = storedKeyHash(stored);
  const octets = unseal(ring, nameOf(hash), storedKeySeal(stored));
  return Buffer.concat([hash, seal(ring, nameOf(hash), octets, random)]);
}

function nameOf(hash: Buffer): string {
  return `tls-key/${hash.toString('hex')}`;
}

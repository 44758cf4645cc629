/**
 * Keyrings and their file, `<base>/Settings/Cluster/keys.json` (mode 0600): a backend's has both rings, a frontend's only
 * `frontend`. The newest key is the first; what is sealed under any of them opens. Pure: src/member/ reads and writes it.
 */
import { createSecretKey } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { Random } from '../../platform/platform.ts';
import type { Keyring } from './types.ts';

export const KEY_ID_OCTETS = 8;
const KEY_OCTETS = 32;
/** An overlap needs two; more were left by rotations that did not end. */
export const RING_KEYS_MAX = 8;

export type RingName = Keyring['name'];
export const RING_NAMES: readonly RingName[] = ['backend', 'frontend'];

/** The rings that a member has, as of one moment. */
export interface Keyrings {
  /** Undefined on frontends. */
  readonly backend: Keyring | undefined;
  readonly frontend: Keyring;
}

type Key = Keyring['keys'][number];

/** A ring with one key, made at random. */
export function makeKeyring(name: RingName, random: Random): Keyring {
  return { name, keys: [makeKey(random)] };
}

export function makeKey(random: Random): Key {
  return {
    id: random.bytes(KEY_ID_OCTETS).toString('hex'),
    key: createSecretKey(random.bytes(KEY_OCTETS)),
  };
}

/** As text for the file, or for a member on the bus: keys in the clear. */
export function formatKeyrings(rings: Keyrings): string {
  const file = {
    version: 1,
    ...(rings.backend === undefined ? {} : { backend: rings.backend.keys.map(plain) }),
    frontend: rings.frontend.keys.map(plain),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** Failure 'invalid' says what is wrong, without the keys. */
export function parseKeyrings(text: string): Keyrings {
  let file: Record<string, unknown>;
  try {
    file = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Failure('invalid', 'keyrings: not JSON');
  }
  if (typeof file !== 'object' || file === null || file.version !== 1)
    throw new Failure('invalid', 'keyrings: not of a version that this program knows');
  return {
    backend: file.backend === undefined ? undefined : readRing('backend', file.backend),
    frontend: readRing('frontend', file.frontend),
  };
}

function readRing(name: RingName, value: unknown): Keyring {
  if (!Array.isArray(value) || value.length === 0 || value.length > RING_KEYS_MAX)
    throw new Failure('invalid', `keyrings: ${name}: give 1 to ${RING_KEYS_MAX} keys`);
  const keys = value.map((each) => readKey(name, each));
  if (new Set(keys.map(({ id }) => id)).size !== keys.length)
    throw new Failure('invalid', `keyrings: ${name}: a key is there twice`);
  return { name, keys };
}

function readKey(name: RingName, value: unknown): Key {
  const { id, key } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id))
    throw new Failure('invalid', `keyrings: ${name}: a key without its id`);
  const octets = typeof key === 'string' ? Buffer.from(key, 'base64url') : Buffer.alloc(0);
  if (octets.length !== KEY_OCTETS || octets.toString('base64url') !== key)
    throw new Failure('invalid', `keyrings: ${name}: key ${id} is not ${KEY_OCTETS} octets`);
  return { id, key: createSecretKey(octets) };
}

function plain({ id, key }: Key): { readonly id: string; readonly key: string } {
  return { id, key: key.export().toString('base64url') };
}

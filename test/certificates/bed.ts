/** What tests of certificates stand on: identities made once, a ring, settings of domains as commands would make them. */
import { changeDomainSettings } from '../../src/certificates/domain-settings.ts';
import { makeKeyring } from '../../src/cluster/security/keyring.ts';
import type { Keyring } from '../../src/cluster/security/types.ts';
import type { Dictionary, Value } from '../../src/lib/dictionary/value.ts';
import { encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import { type IdentityOptions, makeIdentity, type TestIdentity } from '../support/certificates.ts';
import { Prng } from '../support/prng.ts';

export const NOW_MS = Date.now();
export const DAY_MS = 86_400_000;
export const random = new Prng('certificates');
export const ring = makeKeyring('frontend', random);

export function newRing(): Keyring {
  return makeKeyring('frontend', random);
}

/** The newest key of `newer` before those of `older`: a ring that was rotated. */
export function rotated(older: Keyring, newer: Keyring = newRing()): Keyring {
  return { name: 'frontend', keys: [...newer.keys, ...older.keys] };
}

/** In the order in which they were asked for, with the same options only once. */
const made = new Map<string, Promise<TestIdentity>>();

export function identity(...names: string[]): Promise<TestIdentity> {
  return identityOf({ names });
}

export function identityOf(options: Omit<IdentityOptions, 'ca'>): Promise<TestIdentity> {
  const key = JSON.stringify(options);
  const found = made.get(key) ?? makeIdentity(options);
  made.set(key, found);
  return found;
}

export function dictionary(values: Readonly<Record<string, Value>>): Dictionary {
  return new Map(Object.entries(values));
}

/** UPDATEDOMAINSETTINGS, or SETDOMAINSETTINGS with `replace`. */
export function change(
  domain: string,
  stored: Dictionary,
  given: Readonly<Record<string, Value>>,
  options: { readonly replace?: boolean; readonly nowMs?: number; readonly ring?: Keyring } = {},
): Dictionary {
  return changeDomainSettings(stored, dictionary(given), {
    domain,
    replace: options.replace ?? false,
    nowMs: options.nowMs ?? NOW_MS,
    ring: () => options.ring ?? ring,
    random,
  });
}

/** The settings of a domain with this certificate, as stored. */
export function settingsWith(
  domain: string,
  { chain, key }: Pick<TestIdentity, 'chain' | 'key'>,
  more: Readonly<Record<string, Value>> = {},
  under: Keyring = ring,
): Buffer {
  const given = { SecureCertificate: chain, PrivateSecureKey: key, ...more };
  return encodeDomainSettings(change(domain, new Map(), given, { ring: under }))!;
}

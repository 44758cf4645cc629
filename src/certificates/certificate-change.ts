/**
 * A change of the three settings that stand and fall together: certificate, chain, private key. They are checked as a
 * whole and stored as DER, the key sealed, with the names of the certificate and its end beside them.
 *
 * Invariant: the stored certificate, key and chain always fit each other, so what is in force can be shown. Tools set them
 * in three commands, the key first: a key that does not fit the certificate in force waits beside it (`NextSecureKey`)
 * until its certificate comes; a chain that does not fit a new certificate is left out.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Keyring } from '../cluster/security/types.ts';
import { type DateValue, type Dictionary, isArray, type Value } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import { DERIVED, type DomainSettingName, HIDDEN } from '../settings/domain-settings.ts';
import { type ChainOptions, checkChain, checkKey, endOf, publicKeyHash } from './identity.ts';
import { readCertificates, readPrivateKey, splitDer } from './pem.ts';
import { storedKeyHash, storeKey } from './stored-key.ts';

export const CERTIFICATE_SETTINGS: ReadonlySet<DomainSettingName> = new Set([
  'SecureCertificate',
  'CAChain',
  'PrivateSecureKey',
]);

export interface CertificateOptions {
  /** Name of the domain (A-labels). */
  readonly domain: string;
  readonly nowMs: number;
  /** Under what a key is sealed; asked for only when one is given. */
  readonly ring: () => Keyring;
  readonly random: Random;
}

/** `asked`: values in stored form or as given; null removes; what is not in it stays. */
export function changeCertificate(
  stored: Dictionary,
  asked: ReadonlyMap<DomainSettingName, Value>,
  options: CertificateOptions,
): Dictionary {
  const before = readParts(stored);
  const after = merge(before, readAsked(asked), options);
  const changed = new Map(stored);
  const put = (key: string, value: Value | undefined): void => {
    if (value === undefined) changed.delete(key);
    else changed.set(key, value);
  };
  const { leaf, chain, names } = after;
  put('SecureCertificate', leaf?.raw);
  put('CAChain', chain.length === 0 ? undefined : Buffer.concat(chain.map(({ raw }) => raw)));
  put('PrivateSecureKey', after.key);
  put(DERIVED.nextSecureKey, after.next);
  put(DERIVED.certificateNames, names);
  put(DERIVED.certificateEnds, leaf === undefined ? undefined : dateOf(endOf([leaf, ...chain])));
  return changed;
}

/** What is stored of a domain's certificate. */
interface Parts {
  readonly leaf: X509Certificate | undefined;
  readonly chain: readonly X509Certificate[];
  readonly names: Value | undefined;
  /** Of `leaf`; as stored. */
  readonly key: Buffer | undefined;
  /** Waits for its certificate; as stored. */
  readonly next: Buffer | undefined;
}

const NOTHING: Parts = { leaf: undefined, chain: [], names: undefined, key: undefined, next: undefined };

function readParts(stored: Dictionary): Parts {
  const octets = (key: string): Buffer | undefined => {
    const value = stored.get(key);
    return Buffer.isBuffer(value) ? value : undefined;
  };
  const rest = {
    names: stored.get(DERIVED.certificateNames),
    key: octets('PrivateSecureKey'),
    next: octets(DERIVED.nextSecureKey),
  };
  try {
    const [leaf] = readStored(octets('SecureCertificate'));
    return { ...rest, leaf, chain: readStored(octets('CAChain')) };
  } catch {
    // What is stored is broken: it is replaced as if it were not there, or nobody could mend it.
    return { ...NOTHING, next: rest.next ?? rest.key };
  }
}

function readStored(octets: Buffer | undefined): readonly X509Certificate[] {
  return octets === undefined ? [] : splitDer(octets, 'stored').map((der) => new X509Certificate(der));
}

/** What a command says of one of the three. */
type Ask<T> = 'keep' | 'remove' | { readonly given: T };

interface Asked {
  /** The first file or datablock may have the chain too. */
  readonly certificates: Ask<readonly X509Certificate[]>;
  readonly chain: Ask<readonly X509Certificate[]>;
  readonly key: Ask<KeyObject>;
}

function readAsked(asked: ReadonlyMap<DomainSettingName, Value>): Asked {
  const ask = <T>(key: DomainSettingName, read: (source: Buffer | string, what: string) => T): Ask<T> => {
    const value = asked.get(key);
    if (value === undefined) return 'keep';
    if (typeof value === 'string' || Buffer.isBuffer(value)) return { given: read(value, key) };
    return 'remove';
  };
  const isHidden = asked.get('PrivateSecureKey') === HIDDEN;
  return {
    certificates: ask('SecureCertificate', readCertificates),
    chain: ask('CAChain', readCertificates),
    key: isHidden ? 'keep' : ask('PrivateSecureKey', readKey),
  };
}

function readKey(source: Buffer | string, what: string): KeyObject {
  const key = readPrivateKey(source, what);
  checkKey(key, what);
  return key;
}

function merge(before: Parts, asked: Asked, options: CertificateOptions): Parts {
  if (typeof asked.certificates === 'object')
    return install(before, asked.certificates.given, asked, options);
  // A certificate without its key is of no use: it goes with it.
  if (asked.certificates === 'remove' || asked.key === 'remove' || before.leaf === undefined)
    return withoutCertificate(before, asked, options);
  return amend(before, before.leaf, asked, options);
}

/** A new certificate. */
function install(
  before: Parts,
  certificates: readonly X509Certificate[],
  { chain, key }: Asked,
  options: CertificateOptions,
): Parts {
  const isNew = typeof key === 'object';
  const kept = key === 'keep' ? [before.key, before.next].filter((each) => each !== undefined) : [];
  const hashes = isNew ? [publicKeyHash(key.given)] : kept.map(storedKeyHash);
  const leaf = certificates.find((each) => hashes.some((hash) => hash.equals(publicKeyHash(each))));
  if (leaf === undefined)
    throw new Failure(
      'invalid',
      hashes.length === 0
        ? 'SecureCertificate: there is no private key for it yet: give PrivateSecureKey too'
        : 'SecureCertificate: it is not the certificate of this private key: give the two that belong together',
    );
  const others = certificates.filter((each) => each !== leaf);
  const given = typeof chain === 'object' ? [...others, ...chain.given] : others;
  // The chain of the certificate before is often the chain of its successor; where it is not, it is left out.
  const kin = chain === 'keep' && given.length === 0 ? before.chain : [];
  const checked =
    given.length > 0
      ? checkChain(leaf, given, chainOptions(options, typeof chain === 'object'))
      : checkChain(leaf, kin, { ...chainOptions(options, false), lenient: true });
  const own = isNew
    ? storeKey(options.ring(), key.given, options.random)
    : kept.find((each) => storedKeyHash(each).equals(publicKeyHash(leaf)));
  return { leaf, chain: checked.chain, names: checked.names, key: own, next: undefined };
}

/** No certificate from now on; a key may wait for one. */
function withoutCertificate(before: Parts, { chain, key }: Asked, options: CertificateOptions): Parts {
  if (typeof chain === 'object')
    throw new Failure(
      'invalid',
      'CAChain: there is no certificate that it belongs to: give SecureCertificate too',
    );
  if (key === 'remove') return NOTHING;
  const next =
    key === 'keep' ? (before.next ?? before.key) : storeKey(options.ring(), key.given, options.random);
  return { ...NOTHING, next };
}

/** The certificate in force stays. */
function amend(
  before: Parts,
  leaf: X509Certificate,
  { chain, key }: Asked,
  options: CertificateOptions,
): Parts {
  const now =
    typeof chain === 'object'
      ? checkChain(leaf, chain.given, chainOptions(options, true)).chain
      : chain === 'remove'
        ? []
        : before.chain;
  const amended = { ...before, chain: now };
  if (typeof key !== 'object') return amended;
  const stored = storeKey(options.ring(), key.given, options.random);
  return storedKeyHash(stored).equals(publicKeyHash(leaf))
    ? { ...amended, key: stored, next: undefined }
    : { ...amended, next: stored };
}

function chainOptions({ domain, nowMs }: CertificateOptions, hasChain: boolean): ChainOptions {
  return {
    domain,
    nowMs,
    what: { leaf: 'SecureCertificate', chain: hasChain ? 'CAChain' : 'SecureCertificate' },
  };
}

function dateOf(ms: number): DateValue {
  return { kind: 'date', ms: Math.floor(ms / 1000) * 1000, dayOnly: false };
}

/** What is stored of a certificate, for those who show it. */
export interface StoredCertificate {
  /** DER. */
  readonly leaf: Buffer;
  readonly chain: readonly Buffer[];
  /** As `storeKey` made it. */
  readonly key: Buffer;
  readonly names: readonly string[];
  readonly endsMs: number;
}

/** Undefined when the domain has no certificate. */
export function storedCertificate(stored: Dictionary): StoredCertificate | undefined {
  const leaf = stored.get('SecureCertificate');
  const key = stored.get('PrivateSecureKey');
  if (!Buffer.isBuffer(leaf) || !Buffer.isBuffer(key)) return undefined;
  const chain = stored.get('CAChain');
  const names = stored.get(DERIVED.certificateNames);
  const ends = stored.get(DERIVED.certificateEnds);
  return {
    leaf,
    chain: Buffer.isBuffer(chain) ? splitDer(chain, 'CAChain') : [],
    key,
    names: isArray(names) ? names.filter((each) => typeof each === 'string') : [],
    endsMs: isDate(ends) ? ends.ms : 0,
  };
}

function isDate(value: Value | undefined): value is DateValue {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'date';
}

/**
 * What a domain may show in TLS: a certificate, the chain behind it, and its private key, checked before it is installed,
 * so that a mistake is a line in an administrator's hand and not a failed handshake in everybody's. Failure 'invalid' says
 * what is wrong and what to do.
 */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { Failure } from '../lib/failure.ts';
import { CERTIFICATE_NAMES_MAX, RSA_BITS_MAX, RSA_BITS_MIN } from './limits.ts';
import { certificateNames, namesDomain } from './names.ts';

/** What was found of a certificate and the chain behind it. */
export interface CheckedChain {
  /** In the order in which it is shown, without the root, which clients have or do not believe (RFC 8446 section 4.4.2). */
  readonly chain: readonly X509Certificate[];
  /** DNS names, then IP addresses. */
  readonly names: readonly string[];
}

/** When the first of some certificates ends. */
export function endOf(certificates: readonly X509Certificate[]): number {
  return Math.min(...certificates.map((each) => each.validToDate.getTime()));
}

/** What stands for a pair: SHA-256 of its SubjectPublicKeyInfo, from the certificate or from the private key. */
export function publicKeyHash(pair: X509Certificate | KeyObject): Buffer {
  const publicKey = pair instanceof X509Certificate ? pair.publicKey : createPublicKey(pair);
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);
const KEYS_ALLOWED = `give RSA of ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits, EC on P-256 or P-384, or Ed25519`;

/** Whether a key, private or public, is of a kind that we show. `what` names it in the message. */
export function checkKey(key: KeyObject, what: string): void {
  const type = key.asymmetricKeyType ?? '';
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const isGood =
    type === 'ed25519' ||
    (type === 'ec' && CURVES.has(namedCurve)) ||
    (type === 'rsa' && modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX);
  if (isGood) return;
  const found =
    type === 'rsa' ? `RSA of ${modulusLength} bits` : [type, namedCurve].filter(Boolean).join(' ');
  throw new Failure('invalid', `${what}: a key of type ${found} is not accepted: ${KEYS_ALLOWED}`);
}

/** Of an authority's key: OpenSSL refuses to show a chain with a weaker one. Which kind it is, is the authority's affair. */
function checkStrength({ asymmetricKeyDetails }: KeyObject, what: string): void {
  const { modulusLength } = asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined && modulusLength < RSA_BITS_MIN)
    throw new Failure(
      'invalid',
      `${what}: its key of ${modulusLength} bits is too weak: get a new certificate`,
    );
}

export interface ChainOptions {
  /** One of the names must be this domain's or below it. */
  readonly domain: string;
  readonly nowMs: number;
  /** What messages call the sources of leaf and chain. */
  readonly what: { readonly leaf: string; readonly chain: string };
  /** Leaves out what does not belong to the chain, or is over, where it would be refused otherwise. */
  readonly lenient?: boolean;
}

/** Checks a certificate and orders the chain behind it. */
export function checkChain(
  leaf: X509Certificate,
  pool: readonly X509Certificate[],
  { domain, nowMs, what, lenient = false }: ChainOptions,
): CheckedChain {
  checkKey(leaf.publicKey, what.leaf);
  checkDates(leaf, nowMs, what.leaf);
  checkSignatureHash(leaf, what.leaf);
  checkUsage(leaf, what.leaf);
  const names = certificateNames(leaf);
  checkNames(names, domain, what.leaf);
  const usable = lenient ? pool.filter((each) => each.validToDate.getTime() > nowMs) : pool;
  const { chain, rest } = follow(leaf, usable);
  const [stray] = rest;
  if (stray !== undefined && !lenient)
    throw new Failure(
      'invalid',
      `${what.chain}: ${subjectOf(stray)} is not behind this one, whose issuer is ${nameOf(leaf.issuer)}`,
    );
  const shown = chain.filter((each) => !isSelfSigned(each));
  for (const each of shown) {
    const which = `${what.chain}: ${subjectOf(each)}`;
    checkDates(each, nowMs, which);
    checkSignatureHash(each, which);
    checkStrength(each.publicKey, which);
  }
  return { chain: shown, names };
}

/** From a certificate to its issuer, and so on, as far as the pool goes. */
function follow(
  leaf: X509Certificate,
  pool: readonly X509Certificate[],
): { readonly chain: readonly X509Certificate[]; readonly rest: readonly X509Certificate[] } {
  const seen = new Set([leaf.fingerprint256]);
  // Twice the same certificate, or the leaf again in the chain's file, is a common slip that harms nobody.
  let rest = pool.filter((each) => !seen.has(each.fingerprint256) && seen.add(each.fingerprint256));
  const chain: X509Certificate[] = [];
  for (let at = leaf; !isSelfSigned(at); ) {
    const issuer = rest.find((each) => isIssuer(each, at));
    if (issuer === undefined) break;
    chain.push(issuer);
    rest = rest.filter((each) => each !== issuer);
    at = issuer;
  }
  return { chain, rest };
}

function isIssuer(authority: X509Certificate, certificate: X509Certificate): boolean {
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

function checkDates(certificate: X509Certificate, nowMs: number, what: string): void {
  const { validFromDate: from, validToDate: to } = certificate;
  if (to.getTime() <= nowMs)
    throw new Failure('invalid', `${what}: it ended on ${day(to)}: get a new one from the authority`);
  if (from.getTime() > nowMs)
    throw new Failure(
      'invalid',
      `${what}: it begins on ${from.toISOString()}: wait, or set the clock of this machine`,
    );
}

function checkNames(names: readonly string[], domain: string, what: string): void {
  if (names.length === 0)
    throw new Failure(
      'invalid',
      `${what}: it names no host: clients need subject alternative names, not a common name`,
    );
  if (names.length > CERTIFICATE_NAMES_MAX)
    throw new Failure('limit', `${what}: it has more than ${CERTIFICATE_NAMES_MAX} names`);
  if (!namesDomain(names, domain))
    throw new Failure('invalid', `${what}: it is for ${listed(names)}, not for ${domain} or hosts below it`);
}

/** RFC 9155 section 2, and what OpenSSL would refuse to show. The signature of a self-signed one proves nothing. */
function checkSignatureHash(certificate: X509Certificate, what: string): void {
  if (/md5|sha-?1(?!\d)/i.test(certificate.signatureAlgorithm ?? ''))
    throw new Failure(
      'invalid',
      `${what}: signed with ${certificate.signatureAlgorithm}, which clients refuse: get a new one`,
    );
}

/** RFC 5280 section 4.2.1.12; Node calls the extended usages `keyUsage`. */
const SERVER_AUTH: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']);

function checkUsage(certificate: X509Certificate, what: string): void {
  const usages = certificate.keyUsage as readonly string[] | undefined;
  if (usages !== undefined && usages.length > 0 && !usages.some((each) => SERVER_AUTH.has(each)))
    throw new Failure('invalid', `${what}: it is not for servers (its extended key usage has no serverAuth)`);
}

/** Names for a message; a certificate may have hundreds. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** A day as people write it in logs. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function subjectOf(certificate: X509Certificate): string {
  return `the certificate ${nameOf(certificate.subject)}`;
}

/** The common name of a distinguished name, or the whole, on one line. */
function nameOf(name: string): string {
  return /^CN=(.*)$/m.exec(name)?.[1] ?? (name.replaceAll('\n', ', ') || '(no subject)');
}

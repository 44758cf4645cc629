/**
 * The cluster's certificate authority: makes itself, requests, and members' certificates (X.509 v3, RFC 5280; requests,
 * RFC 2986; EC P-256 with SHA-256). What a request says of itself is not believed: of it only the key is taken, and that
 * the sender has it. `@peculiar/x509` is loaded at the first use, over Node's own web crypto.
 */
import { createHash, webcrypto } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { Random, TlsIdentity } from '../../platform/platform.ts';
import type { Role } from '../types.ts';
import { memberUri, readMemberCertificate } from './identity.ts';

const DAY_MS = 24 * 3_600_000;
/** "EC P-256, a year." */
export const MEMBER_DAYS = 365;
/** The authority is not renewed but rotated, long before. */
const AUTHORITY_DAYS = 20 * 365;
/**
 * Clocks of members may differ by so much at a certificate's first use. An authority's costs nothing, and one that is not
 * valid yet for the others would cut off every new connection of the cluster.
 */
const AUTHORITY_BACKDATED_MS = 30 * DAY_MS;
const MEMBER_BACKDATED_MS = DAY_MS;
const SERIAL_OCTETS = 16;
const REQUEST_OCTETS_MAX = 4096;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** As it is kept, sealed for backends, in the cluster settings. PEM both. */
export interface Authority {
  readonly certificate: string;
  /** PKCS #8. */
  readonly key: string;
}

/** A key that never leaves its member, and the request for its certificate. */
export interface CertificateRequest {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PKCS #10, PEM. */
  readonly request: string;
}

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** Hexadecimal, lower case. */
  readonly serial: string;
  readonly notAfterMs: number;
}

/** A new authority for this cluster. `random` makes its serial; keys come from web crypto. */
export async function makeAuthority(clusterId: string, wallMs: number, random: Random): Promise<Authority> {
  const x509 = await library();
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(random),
      // RFC 5280 section 4.1.2.4: an issuer must have a name. Two authorities of one cluster have different ones, by the
      // attribute serialNumber (X.520), for which the library has no short name.
      name: [{ CN: [`Postern cluster ${clusterId}`] }, { '2.5.4.5': [random.bytes(8).toString('hex')] }],
      notBefore: new Date(wallMs - AUTHORITY_BACKDATED_MS),
      notAfter: new Date(wallMs + AUTHORITY_DAYS * DAY_MS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  return { certificate: pem(certificate), key: await exportKey(keys.privateKey) };
}

/** A key pair for a member, and the request with which it asks for its certificate. */
export async function makeRequest(): Promise<CertificateRequest> {
  const x509 = await library();
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { keys, signingAlgorithm: ALGORITHM },
    webcrypto as Crypto,
  );
  return { key: await exportKey(keys.privateKey), request: pem(request) };
}

/**
 * Signs a certificate for a member. Failure 'invalid' when the request is none, its key no P-256 key, or its sender did not
 * prove to have it.
 */
export async function issue(
  authority: Authority,
  to: { readonly clusterId: string; readonly member: string; readonly role: Role; readonly request: string },
  wallMs: number,
  random: Random,
): Promise<Issued> {
  const x509 = await library();
  const publicKey = await requestedKey(to.request);
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await importKey(authority.key);
  const serial = serialNumber(random);
  // Not beyond the authority's own: TLS would refuse the chain then.
  const notAfterMs = Math.min(wallMs + MEMBER_DAYS * DAY_MS, issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial,
      subject: [{ CN: [to.member] }],
      issuer: issuer.subjectName.toJSON(),
      notBefore: new Date(Math.max(wallMs - MEMBER_BACKDATED_MS, issuer.notBefore.getTime())),
      notAfter: new Date(notAfterMs),
      publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: memberUri(to.clusterId, to.role, to.member) },
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto as Crypto),
      ],
    },
    webcrypto as Crypto,
  );
  const text = pem(certificate);
  const read = readMemberCertificate(text);
  if (read === undefined) throw new Error('a certificate of our own cannot be read');
  return { certificate: text, serial: read.serial, notAfterMs: read.notAfterMs };
}

/** Key, request and certificate in one: for the first member, and a lab's. */
export async function makeMember(
  authority: Authority,
  to: { readonly clusterId: string; readonly member: string; readonly role: Role },
  wallMs: number,
  random: Random,
): Promise<{ readonly identity: TlsIdentity; readonly issued: Issued }> {
  const { key, request } = await makeRequest();
  const issued = await issue(authority, { ...to, request }, wallMs, random);
  return { identity: { chain: issued.certificate, key }, issued };
}

/** What names an authority, and lists a member's certificate, in the cluster settings: SHA-256 of the certificate (DER). */
export function fingerprint(certificate: string): string {
  return fingerprintOf(derOf(certificate));
}

export function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

/** The octets in a PEM text with one certificate. */
export function derOf(certificate: string): Buffer {
  const base64 = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(
    certificate,
  )?.[1];
  if (base64 === undefined) throw new Failure('invalid', 'no certificate in PEM');
  return Buffer.from(base64, 'base64');
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

async function requestedKey(request: string): Promise<CryptoKey> {
  const x509 = await library();
  try {
    if (request.length > REQUEST_OCTETS_MAX) throw new RangeError('too long');
    const parsed = new x509.Pkcs10CertificateRequest(request);
    // Any other kind of key is refused here.
    const key = await parsed.publicKey.export(ALGORITHM, ['verify'], webcrypto as Crypto);
    if (!(await parsed.verify(webcrypto as Crypto))) throw new Error('signature');
    return key;
  } catch (cause) {
    throw new Failure('invalid', 'not a request for a certificate with a P-256 key', { cause });
  }
}

function library(): Promise<typeof import('@peculiar/x509')> {
  return import('@peculiar/x509');
}

async function makeKeys(): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair;
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return pemOf(der).replaceAll('CERTIFICATE', 'PRIVATE KEY');
}

function importKey(key: string): Promise<CryptoKey> {
  const der = Buffer.from(key.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']) as Promise<CryptoKey>;
}

function pem(made: { toString(format: 'pem'): string }): string {
  return `${made.toString('pem').trim()}\n`;
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets; the first octet keeps its length the same. */
function serialNumber(random: Random): string {
  const octets = Buffer.from(random.bytes(SERIAL_OCTETS));
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets.toString('hex');
}

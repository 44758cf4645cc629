/**
 * Certificates for tests, made with @peculiar/x509 over Node's web crypto: authorities (`makeCa`, also intermediate ones)
 * and identities that servers and members show (`makeIdentity`). Nothing is random but keys and serial numbers.
 */
import * as x509 from '@peculiar/x509';
import type { TlsIdentity, TlsServerOptions } from '../../src/platform/platform.ts';

export type TestAlgorithm = 'P-256' | 'P-384' | 'RSA-2048' | 'Ed25519';
export type TestHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

interface Validity {
  /** An hour ago when left out. */
  readonly notBefore?: Date;
  /** A year after `notBefore` when left out. */
  readonly notAfter?: Date;
}

export interface CaOptions extends Validity {
  readonly commonName?: string;
  readonly algorithm?: TestAlgorithm;
  /** Makes it an intermediate authority; a root when left out. */
  readonly issuer?: TestCa;
}

export interface IdentityOptions extends Validity {
  /** The first name, or `test`, when left out. */
  readonly commonName?: string;
  /** DNS names of the subject alternative name extension; an entry may begin with `*.`. */
  readonly names?: readonly string[];
  readonly ips?: readonly string[];
  readonly uris?: readonly string[];
  /** Who signs it; self-signed when left out. */
  readonly ca?: TestCa;
  /** P-256 when left out. RSA takes a tenth of a second to make. */
  readonly algorithm?: TestAlgorithm;
  /** Of the signature; SHA-256 when left out. */
  readonly hash?: TestHash;
  /** Hexadecimal. */
  readonly serial?: string;
  /** Extended key usage; both when left out. */
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
}

interface Made {
  /** The certificate alone, PEM. */
  readonly pem: string;
  /** The certificate alone, DER. */
  readonly der: Buffer;
  /** Hexadecimal, lower case. */
  readonly serial: string;
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

export interface TestCa extends Made {
  /** The private key, PKCS #8 in PEM. */
  readonly key: string;
  /** What those it signs must show besides their own certificate: itself and its issuers up to the root, without the root. */
  readonly intermediates: string;
}

/** Is a `TlsIdentity`: `chain` is leaf and intermediates in PEM, `key` PKCS #8 in PEM. */
export interface TestIdentity extends Made, TlsIdentity {}

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

const KEY_ALGORITHMS = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384' },
  'RSA-2048': {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
  Ed25519: { name: 'Ed25519' },
} as const satisfies Record<TestAlgorithm, Algorithm & Record<string, unknown>>;

export async function makeCa(options: CaOptions = {}): Promise<TestCa> {
  const { issuer } = options;
  const made = await make({
    ...options,
    algorithm: options.algorithm ?? 'P-256',
    subject: options.commonName ?? 'Test CA',
    ca: issuer,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { ...made, intermediates: issuer === undefined ? '' : made.pem + issuer.intermediates };
}

export async function makeIdentity(options: IdentityOptions = {}): Promise<TestIdentity> {
  const { names = [], ips = [], uris = [], usages = ['serverAuth', 'clientAuth'] } = options;
  const algorithm = options.algorithm ?? 'P-256';
  const alternatives: x509.JsonGeneralNames = [
    ...names.map((value) => ({ type: 'dns', value }) as const),
    ...ips.map((value) => ({ type: 'ip', value }) as const),
    ...uris.map((value) => ({ type: 'url', value }) as const),
  ];
  const made = await make({
    ...options,
    algorithm,
    subject: options.commonName ?? names[0] ?? 'test',
    ca: options.ca,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      keyUsages(algorithm),
      new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
      ...(alternatives.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
    ],
  });
  return { ...made, chain: made.pem + (options.ca?.intermediates ?? '') };
}

/** What a server is started with that shows one certificate, of these names. */
export async function serverTls(...names: readonly string[]): Promise<TlsServerOptions> {
  const identity = await makeIdentity({ names });
  return { minVersion: 'TLSv1.2', identity: () => identity };
}

function keyUsages(algorithm: TestAlgorithm): x509.KeyUsagesExtension {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return algorithm === 'RSA-2048'
    ? new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true)
    : new x509.KeyUsagesExtension(digitalSignature, true);
}

interface Making extends Validity {
  readonly subject: string;
  readonly algorithm: TestAlgorithm;
  readonly hash?: TestHash;
  readonly serial?: string;
  readonly ca: TestCa | undefined;
  readonly extensions: readonly x509.Extension[];
}

async function make(options: Making): Promise<Made & { readonly key: string }> {
  const { ca, algorithm, hash = 'SHA-256' } = options;
  const keys = (await crypto.subtle.generateKey(KEY_ALGORITHMS[algorithm], true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  const notBefore = options.notBefore ?? new Date(Date.now() - HOUR_MS);
  const signingKey = await signer(ca?.keys.privateKey ?? keys.privateKey, hash);
  const subject = [{ CN: [options.subject] }];
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: options.serial ?? randomSerial(),
      subject,
      issuer: ca?.certificate.subjectName.toJSON() ?? subject,
      notBefore,
      notAfter: options.notAfter ?? new Date(notBefore.getTime() + YEAR_MS),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: { name: signingKey.algorithm.name, hash },
      extensions: [
        ...options.extensions,
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(
          ca?.keys.publicKey ?? keys.publicKey,
          false,
          crypto,
        ),
      ],
    },
    crypto,
  );
  return {
    pem: `${certificate.toString('pem')}\n`,
    der: Buffer.from(certificate.rawData),
    serial: certificate.serialNumber.toLowerCase(),
    certificate,
    keys,
    key: `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`,
  };
}

/** The hash belongs to an RSA key in web crypto, to the signature with the others. */
async function signer(key: CryptoKey, hash: TestHash): Promise<CryptoKey> {
  const { name } = KEY_ALGORITHMS['RSA-2048'];
  if (key.algorithm.name !== name) return key;
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', key);
  return crypto.subtle.importKey('pkcs8', pkcs8, { name, hash }, false, ['sign']);
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets. */
function randomSerial(): string {
  const octets = crypto.getRandomValues(Buffer.alloc(16));
  octets[0] = (octets[0]! & 0x7f) | 0x40;
  return octets.toString('hex');
}

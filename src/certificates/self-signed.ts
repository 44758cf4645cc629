/**
 * The cluster's own certificate: EC on P-256, signed by itself. It makes TLS possible from the first start on; nobody can
 * tell by it whom he talks to, so the log says how to install a real one. The library is loaded when one is made, which is
 * once in ten years, and stays behind this file.
 */
import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';
import type { Random } from '../platform/platform.ts';

export interface SelfSigned {
  /** DER. */
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

export interface SelfSignedOptions {
  /** DNS names for its subject alternative names; at least one. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly random: Random;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const COMMON_NAME = 'Postern cluster, self-signed';
const SERIAL_OCTETS = 16;

export async function makeSelfSigned(options: SelfSignedOptions): Promise<SelfSigned> {
  const x509 = await import('@peculiar/x509');
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(options.random),
      name: [{ CN: [COMMON_NAME] }],
      notBefore: new Date(options.notBeforeMs),
      notAfter: new Date(options.notAfterMs),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          options.names.map((value) => ({ type: 'dns', value }) as const),
        ),
      ],
    },
    webcrypto as Crypto,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate: Buffer.from(certificate.rawData),
    key: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }),
  };
}

/** Positive and not above 20 octets (RFC 5280 section 4.1.2.2). */
function serialNumber(random: Random): string {
  const octets = random.bytes(SERIAL_OCTETS);
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x40;
  return octets.toString('hex');
}

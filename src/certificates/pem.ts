/**
 * Certificates and private keys as administrators have them: PEM text (RFC 7468) with anything around its blocks, or DER,
 * certificates one after the other. What is wrong is Failure 'invalid', with a line that says what to do; it never holds
 * anything of the key.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { Failure } from '../lib/failure.ts';
import { CERTIFICATE_OCTETS_MAX, PRIVATE_KEY_OCTETS_MAX } from '../settings/domain-settings.ts';
import { CHAIN_CERTIFICATES_MAX } from './limits.ts';

/** `what` names the source in messages: a setting or a file. At least one. Failure 'invalid', 'limit'. */
export function readCertificates(source: Buffer | string, what: string): readonly X509Certificate[] {
  const octets = octetsOf(source, CERTIFICATE_OCTETS_MAX, what);
  const text = textOf(octets);
  const blocks = text === undefined ? splitDer(octets, what) : certificateBlocks(text, what);
  if (blocks.length > CHAIN_CERTIFICATES_MAX)
    throw new Failure('limit', `${what}: more than ${CHAIN_CERTIFICATES_MAX} certificates`);
  return blocks.map((block, index) => {
    try {
      const certificate = new X509Certificate(block);
      // Read here, where a kind of key that OpenSSL does not know becomes a line for people.
      void certificate.publicKey.type;
      return certificate;
    } catch (cause) {
      const which = blocks.length > 1 ? `certificate ${index + 1}` : 'this';
      throw new Failure('invalid', `${what}: ${which} is not a certificate (${reason(cause)})`, { cause });
    }
  });
}

/** Failure 'invalid', 'limit'. */
export function readPrivateKey(source: Buffer | string, what: string): KeyObject {
  const octets = octetsOf(source, PRIVATE_KEY_OCTETS_MAX, what);
  const text = textOf(octets);
  if (text === undefined) return readKeyDer(octets, what);
  const blocks = blocksOf(text).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [block] = blocks;
  if (block === undefined) throw new Failure('invalid', `${what}: there is no private key in it`);
  if (blocks.length > 1) throw new Failure('invalid', `${what}: there is more than one private key in it`);
  // PKCS #8 (RFC 5958 section 3), or the form before it (RFC 1421 section 4.6.1.1).
  if (block.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: 4,ENCRYPTED/m.test(block.text))
    throw new Failure(
      'invalid',
      `${what}: the key is protected by a password; write it without: openssl pkey -in key.pem -out plain.pem`,
    );
  try {
    return createPrivateKey(block.text);
  } catch (cause) {
    throw new Failure('invalid', `${what}: not a private key (${reason(cause)})`, { cause });
  }
}

/** Splits DER certificates that stand one after the other; certificates are below 64 KiB, so two octets tell a length. */
export function splitDer(octets: Buffer, what: string): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const octetsLong = sequenceOctets(octets.subarray(at));
    if (octetsLong === undefined)
      throw new Failure('invalid', `${what}: neither PEM text nor DER certificates one after the other`);
    found.push(octets.subarray(at, at + octetsLong));
    at += octetsLong;
  }
  return found;
}

/** Octets of a SEQUENCE with its header (X.690 sections 8.1.3 and 8.9); undefined when it is none, or not all there. */
function sequenceOctets(der: Buffer): number | undefined {
  const [tag, length = 0, high = 0, low = 0] = der;
  if (tag !== 0x30) return undefined;
  const total =
    length < 0x80
      ? 2 + length
      : length === 0x81
        ? 3 + high
        : length === 0x82
          ? 4 + high * 256 + low
          : Infinity;
  return total <= der.length ? total : undefined;
}

function octetsOf(source: Buffer | string, octetsMax: number, what: string): Buffer {
  const octets = Buffer.isBuffer(source) ? source : Buffer.from(source);
  if (octets.length > octetsMax) throw new Failure('limit', `${what}: more than ${octetsMax} octets`);
  if (octets.length === 0) throw new Failure('invalid', `${what}: it is empty`);
  return octets;
}

/** Undefined for DER, which begins with a SEQUENCE; in text that octet is a digit. */
function textOf(octets: Buffer): string | undefined {
  const text = octets.toString('latin1');
  return octets[0] === 0x30 && !text.includes('-----BEGIN') ? undefined : text;
}

interface Block {
  readonly label: string;
  /** With its first and last line. */
  readonly text: string;
}

function blocksOf(text: string): readonly Block[] {
  return Array.from(
    text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]*(?:-(?!----(?:END|BEGIN) )[^-]*)*-----END \1-----/g),
    ([block, label = '']) => ({ label, text: block }),
  );
}

function certificateBlocks(text: string, what: string): readonly string[] {
  const blocks = blocksOf(text).filter(
    ({ label }) => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE',
  );
  if (blocks.length > 0) return blocks.map((each) => each.text);
  const hint = text.includes('PRIVATE KEY')
    ? '; it has a private key: are the two files in the right order?'
    : '';
  throw new Failure('invalid', `${what}: there is no certificate in it${hint}`);
}

const KEY_FORMS = ['pkcs8', 'pkcs1', 'sec1'] as const;

function readKeyDer(octets: Buffer, what: string): KeyObject {
  let cause: unknown;
  for (const type of KEY_FORMS)
    try {
      return createPrivateKey({ key: octets, format: 'der', type });
    } catch (error) {
      cause ??= error;
    }
  throw new Failure('invalid', `${what}: not a private key in DER (PKCS #8, PKCS #1, SEC 1)`, { cause });
}

/** OpenSSL's own words, shortened; its messages hold no octets of what was read. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^error:[0-9A-Fa-f]+:/, '').slice(0, 120);
}

/**
 * The channel binding `tls-server-end-point` (RFC 5929 section 4.1): the hash of a server's certificate as it is sent, by
 * the hash function of its signature; SHA-256 where that is MD5 or SHA-1; undefined where a signature has no hash
 * function of its own, as Ed25519.
 */
import { createHash } from 'node:crypto';

type Hash = 'sha224' | 'sha256' | 'sha384' | 'sha512' | 'sha512-256';

/** Of a certificate in DER. */
export function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = signatureHash(certificate);
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** Object identifiers by their contents in hexadecimal: RFC 3279 section 2.2, RFC 4055 section 5, RFC 5758 section 3. */
const SIGNATURES: Readonly<Record<string, Hash>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d010110': 'sha512-256',
  '2a8648ce380403': 'sha256', // dsa-with-sha1
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
/** Its parameters name the hash function (RFC 4055 section 3.1). */
const RSASSA_PSS = '2a864886f70d01010a';
const HASHES: Readonly<Record<string, Hash>> = {
  '2b0e03021a': 'sha256', // SHA-1
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040204': 'sha224',
  '608648016503040206': 'sha512-256',
};
const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const PSS_HASH_ALGORITHM = 0xa0;

/** RFC 5280 section 4.1: a sequence of the certificate's body, the algorithm and the signature. */
function signatureHash(certificate: Buffer): Hash | undefined {
  const whole = element(certificate, SEQUENCE);
  const body = whole && element(whole.content, SEQUENCE);
  const algorithm = body && element(body.after, SEQUENCE);
  const identifier = algorithm && element(algorithm.content, OBJECT_IDENTIFIER);
  if (identifier === undefined) return undefined;
  const name = identifier.content.toString('hex');
  return name === RSASSA_PSS ? pssHash(identifier.after) : SIGNATURES[name];
}

function pssHash(parameters: Buffer): Hash | undefined {
  const sequence = element(parameters, SEQUENCE);
  if (sequence === undefined) return undefined;
  const stated = element(sequence.content, PSS_HASH_ALGORITHM);
  // "DEFAULT sha1Identifier"
  if (stated === undefined) return 'sha256';
  const algorithm = element(stated.content, SEQUENCE);
  const identifier = algorithm && element(algorithm.content, OBJECT_IDENTIFIER);
  return identifier && HASHES[identifier.content.toString('hex')];
}

/** The DER element at the start of some octets, if it has this tag and is whole (X.690 section 8.1). */
function element(bytes: Buffer, tag: number): { content: Buffer; after: Buffer } | undefined {
  if (bytes.length < 2 || bytes[0] !== tag) return undefined;
  const first = bytes[1]!;
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (lengthOctets > 4 || bytes.length < 2 + lengthOctets) return undefined;
  const start = 2 + lengthOctets;
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(2, lengthOctets);
  if (bytes.length < start + length) return undefined;
  return { content: bytes.subarray(start, start + length), after: bytes.subarray(start + length) };
}

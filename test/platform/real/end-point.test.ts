import { createHash } from 'node:crypto';
import t from 'tap';
import { serverEndPoint } from '../../../src/platform/real/end-point.ts';
import { makeIdentity } from '../../support/certificates.ts';
import { Prng } from '../../support/prng.ts';

// RFC 5929 section 4.1.
void t.test('the hash follows the signature; MD5 and SHA-1 become SHA-256', async (t) => {
  for (const algorithm of ['P-256', 'P-384', 'RSA-2048'] as const)
    for (const [hash, expected] of [
      ['SHA-1', 'sha256'],
      ['SHA-256', 'sha256'],
      ['SHA-384', 'sha384'],
      ['SHA-512', 'sha512'],
    ] as const) {
      const { der } = await makeIdentity({ algorithm, hash });
      t.strictSame(serverEndPoint(der), createHash(expected).update(der).digest(), `${algorithm} ${hash}`);
    }
  t.equal(
    serverEndPoint((await makeIdentity({ algorithm: 'Ed25519' })).der),
    undefined,
    'no hash of its own',
  );
});

/** Only what is looked at: an empty body and an algorithm (RFC 4055 section 3.1). */
const withAlgorithm = (hex: string) => sequence(`3000${sequence(hex)}`);
const sequence = (hex: string) => `30${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;

void t.test('RSASSA-PSS names its hash in the parameters', (t) => {
  const pss = '06092a864886f70d01010a';
  const hashed = (oid: string) => {
    const algorithm = sequence(oid);
    return sequence(`a0${(algorithm.length / 2).toString(16).padStart(2, '0')}${algorithm}`);
  };
  for (const [parameters, expected] of [
    [hashed('0609608648016503040201'), 'sha256'],
    [hashed('0609608648016503040203'), 'sha512'],
    [hashed('06052b0e03021a'), 'sha256'],
    ['3000', 'sha256'],
    [hashed('06032b6570'), undefined],
    ['', undefined],
  ] as const) {
    const der = Buffer.from(withAlgorithm(pss + parameters), 'hex');
    t.strictSame(serverEndPoint(der), expected && createHash(expected).update(der).digest(), parameters);
  }
  t.end();
});

void t.test('fuzz: octets that are no certificate have none', async (t) => {
  const random = new Prng('end point');
  const { der } = await makeIdentity();
  t.equal(serverEndPoint(Buffer.alloc(0)), undefined);
  for (let run = 0; run < 5000; run++) {
    const bytes = Buffer.from(der.subarray(0, random.below(der.length + 1)));
    if (bytes.length > 0) bytes[random.below(Math.min(bytes.length, 12))] = random.below(256);
    serverEndPoint(bytes);
  }
  for (let cut = 0; cut < der.length; cut++) t.equal(serverEndPoint(der.subarray(0, cut)), undefined);
});

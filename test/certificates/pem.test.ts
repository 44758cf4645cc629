/** Reading certificates and keys in the forms people have them in. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { readCertificates, readPrivateKey, splitDer } from '../../src/certificates/pem.ts';
import { Failure, failureCode } from '../../src/lib/failure.ts';
import { identity } from './bed.ts';

void t.test('certificates: PEM with anything around it, DER alone and one after the other', async (t) => {
  const [one, two] = [await identity('one.example'), await identity('two.example')];
  const names = (source: Buffer | string): unknown =>
    readCertificates(source, 'x').map((each) => each.subject);
  const both = ['CN=one.example', 'CN=two.example'];
  t.strictSame(names(one.pem + two.pem), both);
  t.strictSame(names(Buffer.from(one.pem + two.pem)), both);
  t.strictSame(names(`Bag Attributes\n  a: b\n${one.pem}subject=x\n${one.key}\n${two.pem}`), both);
  t.strictSame(names((one.pem + two.pem).replaceAll('\n', '\r\n')), both);
  t.strictSame(names(one.pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')), both.slice(0, 1));
  t.strictSame(names(one.der), both.slice(0, 1));
  t.strictSame(names(Buffer.concat([one.der, two.der])), both);
});

void t.test('what is no certificate is told so', async (t) => {
  const { pem, der, key } = await identity('one.example');
  const cases: readonly (readonly [source: Buffer | string, why: RegExp])[] = [
    ['', /^x: it is empty/],
    ['hello', /^x: there is no certificate in it$/],
    [key, /no certificate in it; it has a private key: are the two files in the right order\?/],
    [der.subarray(0, -1), /neither PEM text nor DER certificates one after the other/],
    [Buffer.concat([der, Buffer.from([0])]), /neither PEM text nor DER/],
    [Buffer.from([0x30, 0x01, 0x00]), /this is not a certificate/],
    [`${pem}${pem.replace('MII', 'AAA')}`, /certificate 2 is not a certificate/],
    [Buffer.alloc(64 * 1024 + 1, 0x30), /more than 65536 octets/],
    [pem.repeat(11), /more than 10 certificates/],
    [pem.replace('-----END CERTIFICATE-----', ''), /no certificate in it/],
  ];
  for (const [source, message] of cases)
    t.throws(() => readCertificates(source, 'x'), { name: 'Failure', message }, String(message));
});

void t.test('private keys in all their forms', async (t) => {
  const { key } = await identity('one.example');
  const ec = createPrivateKey(key);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ed = generateKeyPairSync('ed25519').privateKey;
  for (const each of [ec, rsa, ed]) {
    t.ok(readPrivateKey(each.export({ type: 'pkcs8', format: 'pem' }), 'x').equals(each));
    t.ok(readPrivateKey(each.export({ type: 'pkcs8', format: 'der' }), 'x').equals(each));
  }
  t.ok(readPrivateKey(rsa.export({ type: 'pkcs1', format: 'pem' }), 'x').equals(rsa));
  t.ok(readPrivateKey(rsa.export({ type: 'pkcs1', format: 'der' }), 'x').equals(rsa));
  const sec1 = ec.export({ type: 'sec1', format: 'pem' });
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  t.ok(readPrivateKey(parameters + sec1, 'x').equals(ec), 'as openssl ecparam -genkey writes it');
  t.ok(readPrivateKey(ec.export({ type: 'sec1', format: 'der' }), 'x').equals(ec));
});

void t.test('what is no private key is told so, without a word of it', async (t) => {
  const { pem, key } = await identity('one.example');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const encrypted = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  const cases: readonly (readonly [source: Buffer | string, why: RegExp])[] = [
    ['', /it is empty/],
    [pem, /there is no private key in it/],
    [key + key, /more than one private key/],
    [
      rsa.export({ ...encrypted, type: 'pkcs8' }),
      /protected by a password; write it without: openssl pkey -in/,
    ],
    [rsa.export({ ...encrypted, type: 'pkcs1' }), /protected by a password/],
    [key.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), /not a private key/],
    [Buffer.from([0x30, 0x01, 0x00]), /not a private key in DER/],
    [Buffer.alloc(16 * 1024 + 1, 0x30), /more than 16384 octets/],
  ];
  for (const [source, why] of cases) {
    const error = thrown(() => readPrivateKey(source, 'x'));
    t.match(error.message, why);
    t.notMatch(error.message, key.slice(40, 60));
  }
});

const SEED = 5;
void t.test(`fuzz (seed ${SEED}): any octets give certificates, a key, or a Failure`, async (t) => {
  const { pem, der, key } = await identity('one.example');
  const sources = [Buffer.from(pem), der, Buffer.from(key), Buffer.concat([der, der])];
  const property = fc.property(
    fc.constantFrom(...sources),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    fc.nat(),
    (source, changes, length) => {
      const broken = Buffer.from(source);
      for (const [at, octet] of changes) broken[at % broken.length] = octet;
      for (const input of [broken, broken.subarray(0, length % broken.length)])
        for (const read of [readCertificates, readPrivateKey])
          try {
            read(input, 'x');
          } catch (error) {
            if (failureCode(error) === undefined) throw error;
          }
    },
  );
  fc.assert(property, { numRuns: 300, seed: SEED });
  t.throws(() => splitDer(Buffer.from([0x30, 0x83, 1, 0, 0]), 'x'), 'lengths above 64 KiB are not read');
  const hostile = '-----BEGIN CERTIFICATE-----\n'.repeat(2300);
  t.throws(() => readCertificates(hostile, 'x'), { message: /no certificate/ }, 'beginnings without ends');
});

function thrown(run: () => unknown): Failure {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

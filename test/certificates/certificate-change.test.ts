/** Installing certificates: good and bad pairs and chains, and the orders in which tools set the three settings. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';
import t from 'tap';
import { storedCertificate } from '../../src/certificates/certificate-change.ts';
import { openKey } from '../../src/certificates/stored-key.ts';
import type { Dictionary, Value } from '../../src/lib/dictionary/value.ts';
import { shownSettings } from '../../src/settings/domain-settings.ts';
import { makeCa, makeIdentity, type TestCa } from '../support/certificates.ts';
import { change, DAY_MS, identity, identityOf, NOW_MS, newRing, ring } from './bed.ts';

const DOMAIN = 'a.example';

/** What is accepted can be shown: OpenSSL has its own mind about keys and signatures. */
function assertShowable(settings: Dictionary): void {
  const { leaf, chain, key } = storedCertificate(settings)!;
  const cert = [leaf, ...chain].map((der) => new X509Certificate(der).toString()).join('');
  createSecureContext({ cert, key: openKey(ring, key).export({ type: 'pkcs8', format: 'pem' }) });
}

const NONE: Dictionary = new Map();

/** Of two authorities behind each other, with a leaf for the domain. */
async function authorities() {
  const root = await makeCa({ commonName: 'Root' });
  const middle = await makeCa({ commonName: 'Middle', issuer: root });
  const lower = await makeCa({ commonName: 'Lower', issuer: middle });
  const leaf = await makeIdentity({ names: [DOMAIN, 'mail.a.example'], ca: lower });
  return { root, middle, lower, leaf };
}

void t.test('good ones: kinds of keys, and chains in any order', async (t) => {
  const { root, middle, lower, leaf } = await authorities();
  const chain = [lower.der, middle.der];
  const other = await identity(DOMAIN);
  const cases: readonly (readonly [
    what: string,
    given: Readonly<Record<string, Value>>,
    chain: readonly Buffer[],
  ])[] = [
    ['alone', { SecureCertificate: leaf.pem }, []],
    ['PEM with its chain', { SecureCertificate: leaf.chain }, chain],
    ['DER with its chain', { SecureCertificate: Buffer.concat([leaf.der, ...chain]) }, chain],
    ['CAChain as DER', { SecureCertificate: leaf.der, CAChain: Buffer.concat(chain) }, chain],
    ['CAChain out of order', { SecureCertificate: leaf.der, CAChain: middle.pem + lower.pem }, chain],
    ['the certificate last', { SecureCertificate: middle.pem + lower.pem + leaf.pem }, chain],
    ['with the root, which is not shown', { SecureCertificate: leaf.chain + root.pem }, chain],
    ['with the certificate again in the chain', { SecureCertificate: leaf.pem, CAChain: leaf.chain }, chain],
    ['the same twice', { SecureCertificate: leaf.chain, CAChain: middle.pem }, chain],
    ['a part of the chain', { SecureCertificate: leaf.pem, CAChain: lower.pem }, [lower.der]],
  ];
  for (const [what, given, expected] of cases) {
    const settings = change(DOMAIN, NONE, { ...given, PrivateSecureKey: leaf.key });
    assertShowable(settings);
    const stored = storedCertificate(settings)!;
    t.ok(stored.leaf.equals(leaf.der), what);
    t.strictSame(stored.chain, expected, what);
    t.strictSame(stored.names, [DOMAIN, 'mail.a.example'], what);
    t.ok(openKey(ring, stored.key).equals(createPrivateKey(leaf.key)), what);
  }
  for (const made of [
    other,
    await identityOf({ names: ['*.a.example'], algorithm: 'P-384' }),
    await identityOf({ names: ['mail.a.example'], algorithm: 'RSA-2048' }),
    await identityOf({ names: ['b.example', DOMAIN], algorithm: 'Ed25519' }),
    await identityOf({ names: [DOMAIN], hash: 'SHA-384' }),
  ]) {
    const stored = change(DOMAIN, NONE, { SecureCertificate: made.pem, PrivateSecureKey: made.key });
    assertShowable(stored);
    t.ok(storedCertificate(stored)?.leaf.equals(made.der), made.certificate.publicKey.algorithm.name);
  }
});

void t.test('bad ones: a line that says what is wrong', async (t) => {
  const { lower, leaf } = await authorities();
  const good = await identity(DOMAIN);
  const other = await identity('b.example');
  const year = 365 * DAY_MS;
  const past = { notBefore: new Date(NOW_MS - 2 * year), notAfter: new Date(NOW_MS - DAY_MS) };
  const over = await makeIdentity({ names: [DOMAIN], ...past });
  const early = await makeIdentity({ names: [DOMAIN], notBefore: new Date(NOW_MS + DAY_MS) });
  const oldCa = await makeCa({ commonName: 'Old', ...past });
  const underOld = await makeIdentity({
    names: [DOMAIN],
    ca: await makeCa({ commonName: 'Below old', issuer: oldCa, ...past }),
  });
  const nameless = await makeIdentity({ commonName: DOMAIN, names: [] });
  const client = await makeIdentity({ names: [DOMAIN], usages: ['clientAuth'] });
  const weak = await makeIdentity({ names: [DOMAIN], hash: 'SHA-1', algorithm: 'RSA-2048' });
  const many = await makeIdentity({
    names: Array.from({ length: 257 }, (_, index) => `h${index}.${DOMAIN}`),
  });
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey;
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const underWeak = await makeIdentity({ names: [DOMAIN], ca: await weakCa() });
  const notCa = await makeIdentity({ names: ['x.example'], ca: lower });
  const cases: readonly (readonly [given: Readonly<Record<string, Value>>, why: RegExp])[] = [
    [
      { SecureCertificate: good.pem, PrivateSecureKey: other.key },
      /^SecureCertificate: it is not the certificate of this private key/,
    ],
    [
      { SecureCertificate: good.pem },
      /^SecureCertificate: there is no private key for it yet: give PrivateSecureKey too/,
    ],
    [
      { SecureCertificate: over.pem, PrivateSecureKey: over.key },
      /^SecureCertificate: it ended on \d{4}-\d\d-\d\d: get a new one/,
    ],
    [
      { SecureCertificate: early.pem, PrivateSecureKey: early.key },
      /it begins on .*: wait, or set the clock/,
    ],
    [
      { SecureCertificate: other.pem, PrivateSecureKey: other.key },
      /it is for b.example, not for a.example or hosts below it/,
    ],
    [
      { SecureCertificate: nameless.pem, PrivateSecureKey: nameless.key },
      /it names no host: .* not a common name/,
    ],
    [{ SecureCertificate: client.pem, PrivateSecureKey: client.key }, /not for servers/],
    [{ SecureCertificate: weak.pem, PrivateSecureKey: weak.key }, /signed with .*sha-?1/i],
    [{ SecureCertificate: many.pem, PrivateSecureKey: many.key }, /more than 256 names/],
    [
      { SecureCertificate: leaf.chain + other.pem, PrivateSecureKey: leaf.key },
      /^SecureCertificate: the certificate b.example is not behind this one, whose issuer is Lower/,
    ],
    [
      { SecureCertificate: leaf.pem, CAChain: other.pem, PrivateSecureKey: leaf.key },
      /^CAChain: the certificate b.example is not behind/,
    ],
    [
      { SecureCertificate: leaf.pem, CAChain: notCa.pem, PrivateSecureKey: leaf.key },
      /^CAChain: the certificate x.example is not behind/,
    ],
    [
      { SecureCertificate: underOld.chain, PrivateSecureKey: underOld.key },
      /the certificate Below old: it ended on/,
    ],
    [
      { SecureCertificate: underWeak.chain, PrivateSecureKey: underWeak.key },
      /the certificate Weak: its key of 1024 bits is too weak/,
    ],
    [{ CAChain: lower.pem }, /^CAChain: there is no certificate that it belongs to/],
    [
      { PrivateSecureKey: short.export(pem) },
      /^PrivateSecureKey: a key of type RSA of 1024 bits is not accepted: give RSA of 2048 to 4096/,
    ],
    [{ PrivateSecureKey: curve.export(pem) }, /a key of type ec secp521r1 is not accepted/],
    [{ PrivateSecureKey: 'x' }, /^PrivateSecureKey: there is no private key in it/],
    [{ SecureCertificate: 12 }, /^SecureCertificate: give a certificate, as DER/],
    [{ CertificateType: 'NO' }, /^CertificateType: give one of YES, Test; or default/],
    [{ IPAddresses: ['127.0.0.1'] }, /^IPAddresses: give a list of at most 64/],
    [
      { MailToAll: 'x' },
      /a domain has no setting MailToAll; it has IPAddresses, CertificateType, SecureCertificate/,
    ],
    [{ securecertificate: good.pem }, /a domain has no setting securecertificate/],
  ];
  for (const [given, message] of cases)
    t.throws(() => change(DOMAIN, NONE, given), { name: 'Failure', message }, String(message));
});

/** An authority with a key that was good enough in 2005. */
async function weakCa(): Promise<TestCa> {
  const root = await makeCa({ commonName: 'Root' });
  const middle = await makeCa({ commonName: 'Weak', issuer: root });
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { subjectName, notBefore, notAfter, extensions } = middle.certificate;
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: subjectName.toJSON(),
      issuer: root.certificate.subjectName.toJSON(),
      notBefore,
      notAfter,
      publicKey: keys.publicKey,
      signingKey: root.keys.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: extensions.slice(0, 2),
    },
    crypto,
  );
  const pem = `${certificate.toString('pem')}\n`;
  return { ...middle, certificate, keys, pem, der: Buffer.from(certificate.rawData), intermediates: pem };
}

void t.test('key, certificate and chain one after the other, as scripts of the field set them', async (t) => {
  const { lower, middle, leaf } = await authorities();
  const before = change(DOMAIN, NONE, { SecureCertificate: leaf.chain, PrivateSecureKey: leaf.key });
  const ca = await makeCa({ commonName: 'Another' });
  const deep = await makeCa({ commonName: 'Deep', issuer: ca });
  const next = await makeIdentity({ names: [DOMAIN], ca: deep });

  const waiting = change(DOMAIN, before, { PrivateSecureKey: next.key });
  t.ok(storedCertificate(waiting)?.leaf.equals(leaf.der), 'what is in force goes on');
  t.ok(openKey(ring, storedCertificate(waiting)!.key).equals(createPrivateKey(leaf.key)), 'with its own key');
  const swapped = change(DOMAIN, waiting, { SecureCertificate: next.der });
  t.ok(
    openKey(ring, storedCertificate(swapped)!.key).equals(createPrivateKey(next.key)),
    'the key has waited for it',
  );
  t.strictSame(storedCertificate(swapped)?.chain, [], 'the chain of the one before does not fit');
  t.notOk(swapped.has('NextSecureKey'));
  const whole = change(DOMAIN, swapped, { CAChain: deep.der });
  t.strictSame(storedCertificate(whole)?.chain, [deep.der]);
  t.equal(
    storedCertificate(whole)?.endsMs,
    Math.min(...[next, deep].map((each) => each.certificate.notAfter.getTime())),
  );

  // The same from nothing.
  const first = change(DOMAIN, NONE, { PrivateSecureKey: next.key });
  t.equal(storedCertificate(first), undefined);
  t.strictSame([...shownSettings(first)], [['PrivateSecureKey', 'hidden']]);
  t.ok(storedCertificate(change(DOMAIN, first, { SecureCertificate: next.der }))?.leaf.equals(next.der));

  // A successor of the same authority keeps the chain.
  const successor = await makeIdentity({ names: [DOMAIN], ca: lower });
  const renewed = change(DOMAIN, before, {
    SecureCertificate: successor.pem,
    PrivateSecureKey: successor.key,
  });
  t.strictSame(storedCertificate(renewed)?.chain, [lower.der, middle.der]);
  t.throws(() => change(DOMAIN, renewed, { CAChain: deep.der }), {
    message: /CAChain: the certificate Deep is not behind/,
  });
});

void t.test('a certificate that has ended can still get its successor, key first', async (t) => {
  const made = await identity(DOMAIN);
  const stored = change(DOMAIN, NONE, { SecureCertificate: made.pem, PrivateSecureKey: made.key });
  const laterMs = NOW_MS + 400 * DAY_MS;
  const next = await makeIdentity({ names: [DOMAIN], notAfter: new Date(laterMs + 90 * DAY_MS) });
  const waiting = change(DOMAIN, stored, { PrivateSecureKey: next.key }, { nowMs: laterMs });
  const renewed = change(DOMAIN, waiting, { SecureCertificate: next.pem }, { nowMs: laterMs });
  t.ok(storedCertificate(renewed)?.leaf.equals(next.der));
});

void t.test('taking away', async (t) => {
  const made = await identity(DOMAIN);
  const stored = change(DOMAIN, NONE, {
    SecureCertificate: made.pem,
    PrivateSecureKey: made.key,
    IPAddresses: ['192.0.2.1'],
  });
  const keys = (settings: Dictionary): readonly string[] => [...settings.keys()].sort();
  t.strictSame(
    keys(change(DOMAIN, stored, { PrivateSecureKey: 'default' })),
    ['IPAddresses'],
    'no key, no certificate',
  );
  const without = change(DOMAIN, stored, { SecureCertificate: 'default' });
  t.strictSame(keys(without), ['IPAddresses', 'NextSecureKey'], 'the key may get another certificate');
  t.ok(storedCertificate(change(DOMAIN, without, { SecureCertificate: made.pem })));
  t.strictSame(keys(change(DOMAIN, stored, { IPAddresses: 'default' })).includes('IPAddresses'), false);
  t.strictSame(keys(change(DOMAIN, stored, {}, { replace: true })), [], 'SET with nothing');
  t.strictSame(keys(change(DOMAIN, stored, { IPAddresses: [] }, { replace: true })), ['IPAddresses']);
});

void t.test('who gets all settings and sets them again loses nothing', async (t) => {
  const { leaf } = await authorities();
  const stored = change(DOMAIN, NONE, {
    SecureCertificate: leaf.chain,
    PrivateSecureKey: leaf.key,
    CertificateType: 'Test',
  });
  const shown = Object.fromEntries(shownSettings(stored));
  t.strictSame(change(DOMAIN, stored, shown, { replace: true }), stored, 'SETDOMAINSETTINGS');
  t.strictSame(change(DOMAIN, stored, shown), stored, 'UPDATEDOMAINSETTINGS');
  const { PrivateSecureKey: _, ...rest } = shown;
  t.strictSame(
    change(DOMAIN, stored, rest, { replace: true }),
    stored,
    'without the key, as GET may leave it out',
  );
  const other = await identity(DOMAIN);
  t.throws(
    () => change(DOMAIN, stored, { SecureCertificate: other.pem }, { replace: true }),
    { message: /not the certificate of this private key/ },
    'but a key is kept for its own certificate only',
  );
});

void t.test('stored certificates that are broken can be replaced', async (t) => {
  const made = await identity(DOMAIN);
  const broken = new Map<string, Value>([
    ['SecureCertificate', Buffer.from('x')],
    ['PrivateSecureKey', Buffer.from('y')],
  ]);
  const mended = change(DOMAIN, broken, { SecureCertificate: made.pem, PrivateSecureKey: made.key });
  t.ok(storedCertificate(mended)?.leaf.equals(made.der));
});

void t.test('a sealed key: tampered with, under another ring, or in the place of another', async (t) => {
  const [one, two] = [await identity(DOMAIN), await identity('b.a.example')];
  const keyOf = (made: typeof one): Buffer =>
    storedCertificate(change(DOMAIN, NONE, { SecureCertificate: made.pem, PrivateSecureKey: made.key }))!.key;
  const key = keyOf(one);
  t.notOk(
    key.includes(createPrivateKey(one.key).export({ type: 'pkcs8', format: 'der' }).subarray(-32)),
    'not in the clear',
  );
  for (let at = 0; at < key.length; at += 7) {
    const broken = Buffer.from(key);
    broken[at]! ^= 1;
    t.throws(() => openKey(ring, broken), { code: /^(damaged|unavailable)$/ }, `octet ${at}`);
  }
  t.throws(() => openKey(newRing(), key), { code: 'unavailable' });
  t.throws(() => openKey(ring, Buffer.alloc(0)), { code: 'damaged' });
  const mixed = Buffer.concat([keyOf(two).subarray(0, 32), key.subarray(32)]);
  t.throws(() => openKey(ring, mixed), { code: 'damaged' }, 'under the hash of another key');
});

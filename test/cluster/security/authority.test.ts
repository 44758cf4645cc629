/** Certificates: what is in them, what a request may not say, and who is nobody. */
import { X509Certificate } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import t from 'tap';
import {
  derOf,
  fingerprint,
  issue,
  MEMBER_DAYS,
  makeAuthority,
  makeRequest,
  pemOf,
} from '../../../src/cluster/security/authority.ts';
import { isMemberName, memberUri, readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import type { Role } from '../../../src/cluster/types.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { makeIdentity } from '../../support/certificates.ts';
import { CLUSTER_ID, DAY_MS, TestCluster } from './support.ts';

const { random } = realPlatform();

void t.test('a member’s certificate says who it is, and is signed by the authority', async (t) => {
  const cluster = await TestCluster.make();
  const ca = new X509Certificate(cluster.authority.certificate);
  for (const role of ['backend', 'frontend', 'symmetric', 'standalone'] as const) {
    const { certificate, key } = await cluster.files(`x-${role}.1`, role);
    const x509 = new X509Certificate(certificate);
    t.ok(x509.verify(ca.publicKey), `${role}: signature`);
    t.ok(x509.checkIssued(ca), `${role}: issuer`);
    t.equal(x509.subjectAltName, `URI:urn:postern:${CLUSTER_ID}:${role}:x-${role}.1`);
    t.equal(x509.subject, `CN=x-${role}.1`);
    t.match(x509.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], 'for both ends of a connection');
    const read = readMemberCertificate(certificate);
    t.match(read, { clusterId: CLUSTER_ID, member: `x-${role}.1`, role });
    t.same(readMemberCertificate(x509.raw), read, 'DER as PEM');
    const days = (read!.notAfterMs - Date.now()) / DAY_MS;
    t.ok(days > MEMBER_DAYS - 1 && days <= MEMBER_DAYS, `a year: ${days}`);
    t.match(key, /BEGIN PRIVATE KEY/);
  }
  t.ok(ca.ca);
  t.ok(ca.verify(ca.publicKey));
  t.equal(pemOf(derOf(cluster.authority.certificate)), cluster.authority.certificate);
  t.equal(fingerprint(cluster.authority.certificate), ca.fingerprint256.replaceAll(':', '').toLowerCase());
  const other = await makeAuthority(CLUSTER_ID, Date.now(), random);
  t.not(new X509Certificate(other.certificate).subject, ca.subject, 'two authorities have different names');
});

void t.test('a certificate does not outlive its authority', async (t) => {
  const cluster = await TestCluster.make();
  const ends = Date.parse(new X509Certificate(cluster.authority.certificate).validTo);
  const read = readMemberCertificate((await cluster.files('be1', 'backend', ends - DAY_MS)).certificate);
  t.equal(read?.notAfterMs, ends);
});

void t.test('of a request only the key is taken, and only with proof', async (t) => {
  const { authority } = await TestCluster.make();
  const to = { clusterId: CLUSTER_ID, member: 'fe1', role: 'frontend' as Role };
  const sign = (request: string) => issue(authority, { ...to, request }, Date.now(), random);
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const boasting = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=be1',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const { certificate } = await sign(boasting.toString('pem'));
  t.match(
    readMemberCertificate(certificate),
    { member: 'fe1', role: 'frontend' },
    'what it says of itself is nothing',
  );

  const { request } = await makeRequest();
  const der = Buffer.from(request.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.length - 3]! ^= 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  await t.rejects(sign(forged), { code: 'invalid' }, 'a signature that is another’s');
  const rsa = await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    true,
    ['sign', 'verify'],
  );
  const other = await Pkcs10CertificateRequestGenerator.create({
    keys: rsa,
    signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  });
  await t.rejects(sign(other.toString('pem')), { code: 'invalid' }, 'another kind of key');
  for (const nonsense of ['', 'x', 'A'.repeat(10_000), authority.certificate])
    await t.rejects(sign(nonsense), { code: 'invalid' }, JSON.stringify(nonsense.slice(0, 10)));
});

void t.test('whoever is no member is nobody', async (t) => {
  const cluster = await TestCluster.make();
  t.equal(readMemberCertificate(cluster.authority.certificate), undefined, 'the authority itself');
  t.equal(readMemberCertificate('nonsense'), undefined);
  t.equal(readMemberCertificate(Buffer.alloc(0)), undefined);
  const good = `urn:postern:${CLUSTER_ID}:backend:be1`;
  for (const [name, wrong] of [
    ['no name', {}],
    ['a host', { names: ['be1.example'] }],
    ['two names', { uris: [good, `urn:postern:${CLUSTER_ID}:frontend:fe1`] }],
    ['a host beside it', { uris: [good], names: ['x.example'] }],
    ['another scheme', { uris: [`urn:other:${CLUSTER_ID}:backend:be1`] }],
    ['a short id', { uris: ['urn:postern:c1:backend:be1'] }],
    ['an unknown role', { uris: [`urn:postern:${CLUSTER_ID}:controller:be1`] }],
    ['no member', { uris: [`urn:postern:${CLUSTER_ID}:backend:`] }],
    ['a member of other letters', { uris: [`urn:postern:${CLUSTER_ID}:backend:be1%20x`] }],
    ['more behind it', { uris: [`${good}:x`] }],
  ] as const)
    t.equal(readMemberCertificate((await makeIdentity(wrong)).der), undefined, name);
  t.match(
    readMemberCertificate((await makeIdentity({ uris: [good] })).der),
    { member: 'be1' },
    'the right form',
  );
});

void t.test('names that cannot be written are refused', async (t) => {
  for (const name of ['', 'a b', '-a', 'a-', 'ä', 'a:b', 'x'.repeat(65)]) {
    t.equal(isMemberName(name), false, name);
    t.throws(() => memberUri(CLUSTER_ID, 'backend', name), TypeError);
  }
  t.throws(() => memberUri('', 'backend', 'be1'), TypeError);
});

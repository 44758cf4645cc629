import { createPrivateKey, X509Certificate } from 'node:crypto';
import t from 'tap';
import { makeCa, makeIdentity } from './certificates.ts';

void t.test('what is asked for is in them', async (t) => {
  const root = await makeCa({ commonName: 'Root' });
  const ca = await makeCa({ commonName: 'Intermediate', issuer: root, algorithm: 'RSA-2048' });
  const notAfter = new Date('2030-01-01T00:00:00Z');
  const made = await makeIdentity({
    names: ['*.lab.example', 'lab.example'],
    ips: ['192.0.2.1', '2001:db8::1'],
    uris: ['urn:postern:1:backend:b1'],
    serial: '0abc',
    hash: 'SHA-512',
    notAfter,
    ca,
  });
  const leaf = new X509Certificate(made.chain);
  t.equal(leaf.subject, 'CN=*.lab.example');
  t.equal(leaf.serialNumber, '0ABC');
  t.equal(made.serial, '0abc');
  t.equal(leaf.validToDate.getTime(), notAfter.getTime());
  t.equal(
    leaf.subjectAltName,
    'DNS:*.lab.example, DNS:lab.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, URI:urn:postern:1:backend:b1',
  );
  t.strictSame(leaf.raw, made.der);
  t.ok(leaf.checkPrivateKey(createPrivateKey(made.key)));
  t.ok(leaf.verify(new X509Certificate(ca.pem).publicKey));
  t.ok(new X509Certificate(ca.pem).checkIssued(new X509Certificate(root.pem)));
  t.equal(made.chain, made.pem + ca.pem, 'leaf first, without the root');
});

void t.test('each kind of key, self-signed', async (t) => {
  for (const algorithm of ['P-256', 'P-384', 'RSA-2048', 'Ed25519'] as const) {
    const { chain, key } = await makeIdentity({ algorithm });
    const leaf = new X509Certificate(chain);
    t.ok(leaf.checkPrivateKey(createPrivateKey(key)), algorithm);
    t.ok(leaf.verify(leaf.publicKey), algorithm);
  }
});

/** Whose certificate is good: this very one, not any with its serial and names; and what a member takes over for itself. */
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { derOf, issue, makeRequest } from '../../../src/cluster/security/authority.ts';
import { readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import { MemberSecurity } from '../../../src/cluster/security/member-security.ts';
import { withoutMember } from '../../../src/cluster/security/state.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { DAY_MS, TestCluster } from './support.ts';

const { random } = realPlatform();

void t.test('what a revoked backend signs with the authority’s key is nobody’s', async (t) => {
  const cluster = await TestCluster.make();
  const security = await cluster.member('fe1', 'frontend');
  const be1 = (await cluster.files('be1', 'backend')).certificate;
  await cluster.files('be2', 'backend');
  // be2 could open the key of the authority; serials are in the settings for all to read.
  const { serial } = readMemberCertificate(be1)!;
  const { clusterId } = cluster;
  const { request } = await makeRequest();
  const forged = await issue(
    cluster.authority,
    { clusterId, member: 'be1', role: 'backend', request },
    Date.now(),
    { ...random, bytes: () => Buffer.from(serial, 'hex') },
  );
  t.equal(forged.serial, serial, 'name, role and serial are the real one’s');
  t.equal(security.hasList, false);
  t.ok(security.identify(derOf(forged.certificate)), 'without settings the signature is all there is');
  security.follow(withoutMember(cluster.state, 'be2'));
  t.equal(security.hasList, true);
  t.equal(security.identify(derOf(forged.certificate)), undefined);
  t.match(security.identify(derOf(be1)), { member: 'be1', role: 'backend' });
});

void t.test('a certificate that takes the place of another under its serial is looked at', async (t) => {
  const cluster = await TestCluster.make();
  const security = await cluster.member('fe1', 'frontend');
  await cluster.files('be1', 'backend');
  security.follow(cluster.state);
  let looked = 0;
  security.onRevoked(() => looked++);
  security.follow(cluster.state);
  t.equal(looked, 0);
  const [listed] = cluster.state.members.be1!;
  const members = { ...cluster.state.members, be1: [{ ...listed!, fingerprint: '0'.repeat(64) }] };
  security.follow({ ...cluster.state, members });
  t.equal(looked, 1);
});

void t.test('only what is the member’s own is taken over', async (t) => {
  const cluster = await TestCluster.make();
  const files = await cluster.files('fe1', 'frontend');
  const security = new MemberSecurity(files);
  const next = await cluster.files('fe1', 'frontend');
  const be1 = await cluster.files('be1', 'backend');
  for (const [name, wrong] of [
    ['another member’s', { ...files, certificate: be1.certificate, key: be1.key }],
    ['without its key', { ...files, certificate: next.certificate }],
    ['a key that is none', { ...files, key: 'x' }],
    ['rings that are none', { ...files, keys: '{}' }],
    ['another role', await cluster.files('fe1', 'backend')],
  ] as const) {
    t.throws(() => security.mayReplace(wrong), { code: 'invalid' }, name);
    t.throws(() => security.replace(wrong), { code: 'invalid' }, name);
  }
  t.equal(security.files, files, 'nothing was replaced');
  security.replace(next);
  t.equal(security.files, next);
});

void t.test('clocks may differ by a day, and by weeks where the authority is new', async (t) => {
  const cluster = await TestCluster.make();
  const ca = new X509Certificate(cluster.authority.certificate);
  const own = readMemberCertificate((await cluster.files('be1', 'backend')).certificate)!;
  const AUTHORITY_AGE_MS = 500 * DAY_MS;
  t.ok(Date.parse(ca.validFrom) <= Date.now() - AUTHORITY_AGE_MS - 29 * DAY_MS);
  t.ok(own.notBeforeMs <= Date.now() - DAY_MS + 60_000);
});

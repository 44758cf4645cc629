/** Invitations, certificates, revocation: what is decided, once, and what is refused. */
import t from 'tap';
import { fingerprint, makeRequest } from '../../../src/cluster/security/authority.ts';
import { readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import {
  hashOf,
  INVITATIONS_MAX,
  Registrar,
  readQuestion,
  sealAuthority,
} from '../../../src/cluster/security/registrar.ts';
import {
  CERTIFICATES_MAX,
  certificatesOf,
  formatState,
  parseState,
  revokedSerials,
} from '../../../src/cluster/security/state.ts';
import type { Role } from '../../../src/cluster/types.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { codeOf } from '../bus/support.ts';
import { TestSettings } from './settings.ts';
import { DAY_MS, TestCluster } from './support.ts';

const { random } = realPlatform();

async function make() {
  const cluster = await TestCluster.make();
  const security = await cluster.member('be1', 'backend');
  const settings = new TestSettings(cluster.state);
  await settings.set(
    sealAuthority(
      cluster.authority,
      fingerprint(cluster.authority.certificate),
      cluster.rings.backend!,
      random,
    ),
  );
  const wall = { ms: Date.now() };
  const clock = { ...realPlatform().clock, wallMs: () => wall.ms };
  const registrar = new Registrar({
    platform: { clock, random },
    security,
    decide: settings.decide,
    logger: noLogger,
  });
  const secrets = new Map<string, Buffer>();
  const invite = (member: string, role: Role = 'frontend', forMs = 3_600_000) => {
    const id = random.bytes(8).toString('hex');
    const secret = random.bytes(32);
    secrets.set(id, secret);
    const invitation = {
      id,
      secretHash: hashOf(secret),
      member,
      role,
      expiresMs: wall.ms + forMs,
      by: 'be1',
      host: 'h',
      port: 1,
    };
    return registrar.decide({ kind: 'invite', invitation }).then(() => ({ id, secret }));
  };
  const join = async ({ id, secret }: { readonly id: string; readonly secret: Buffer }) =>
    registrar.decide({ kind: 'join', id, secret, request: (await makeRequest()).request });
  return { cluster, security, settings, registrar, wall, invite, join };
}

void t.test('an invitation is used once, by who has its secret, in its time', async (t) => {
  const { settings, wall, invite, join } = await make();
  const given = await invite('fe1');
  t.notMatch(formatState(settings.state).toString(), given.secret.toString('hex'), 'only its hash is stored');
  t.equal(await codeOf(join({ ...given, secret: random.bytes(32) })), 'refused', 'a wrong secret');
  t.equal(await codeOf(join({ ...given, secret: Buffer.alloc(0) })), 'refused', 'none');
  t.equal(await codeOf(join({ ...given, id: '0'.repeat(16) })), 'refused', 'an id that nobody gave');
  const both = await Promise.all([1, 2].map(() => join(given).then((granted) => granted!, codeOfError)));
  const granted = both.filter((each) => typeof each !== 'string');
  t.equal(granted.length, 1, 'two at once: one of them');
  t.ok(both.includes('refused'));
  const read = readMemberCertificate(granted[0]!.certificate)!;
  t.match(read, { member: 'fe1', role: 'frontend' });
  t.equal(certificatesOf(settings.state, 'fe1')[0]?.serial, read.serial, 'listed when it is answered');
  t.equal(await codeOf(join(given)), 'refused', 'used');

  const late = await invite('fe2');
  wall.ms += 3_600_000;
  t.equal(await codeOf(join(late)), 'refused', 'over');
  const [first, second] = [await invite('fe3'), await invite('fe3')];
  t.equal(await codeOf(join(first)), 'refused', 'a newer one for the same member takes its place');
  t.ok(await join(second));
});

void t.test('a request that is none uses nothing up', async (t) => {
  const { registrar, invite, join } = await make();
  const given = await invite('fe1');
  t.equal(await codeOf(registrar.decide({ kind: 'join', ...given, request: 'nonsense' })), 'invalid');
  t.ok(await join(given));
});

void t.test('what could not be stored was not given', async (t) => {
  const { settings, invite, join } = await make();
  const given = await invite('fe1');
  settings.before = () => {
    throw new Error('EIO');
  };
  await t.rejects(join(given), /EIO/);
  settings.before = () => undefined;
  t.ok(await join(given), 'and the invitation is as it was');
});

void t.test('renewal: for a certificate of ours that is not revoked', async (t) => {
  const { registrar, security, cluster, invite, join, wall } = await make();
  const fe = readMemberCertificate((await join(await invite('fe1')))!.certificate)!;
  const renew = async (serial: string, member = 'fe1') =>
    registrar.decide({ kind: 'renew', member, serial, request: (await makeRequest()).request });
  const next = readMemberCertificate((await renew(fe.serial))!.certificate)!;
  t.not(next.serial, fe.serial);
  t.equal(next.role, 'frontend', 'with the role it had');
  t.equal(await codeOf(renew(fe.serial, 'be1')), 'refused', 'another member’s certificate');
  t.equal(await codeOf(renew('1')), 'refused', 'one that nobody gave');
  wall.ms += 366 * DAY_MS;
  security.replace(await cluster.files('be1', 'backend', wall.ms));
  t.equal(await codeOf(renew(next.serial)), 'refused', 'over');
});

void t.test('who cannot store what it is given may ask for ever, and what is in use stays', async (t) => {
  const { settings, registrar, invite, join } = await make();
  const serials = () => certificatesOf(settings.state, 'fe1').map(({ serial }) => serial);
  const renew = async (serial: string) => {
    const { request } = await makeRequest();
    const granted = await registrar.decide({ kind: 'renew', member: 'fe1', serial, request });
    return readMemberCertificate(granted!.certificate)!.serial;
  };
  const first = readMemberCertificate((await join(await invite('fe1')))!.certificate)!.serial;
  let last = '';
  for (let i = 0; i < 2 * CERTIFICATES_MAX; i++) last = await renew(first);
  t.ok(serials().includes(first), 'the one in use');
  t.ok(serials().length <= CERTIFICATES_MAX);
  // A question that was overtaken: the member has the answer to the later one already.
  await renew(first);
  t.ok(serials().includes(last), 'the newest that it may have');
  const used = [last];
  for (let i = 0; i < 10; i++) used.push(await renew(used.at(-1)!));
  t.same(serials().slice(-4), used.slice(-4), 'the one in use, two before it, the new one');
  t.ok(serials().length <= CERTIFICATES_MAX);
});

void t.test('whoever joins under a name takes the place of the machine that had it', async (t) => {
  const { settings, invite, join } = await make();
  const lost = readMemberCertificate((await join(await invite('m1', 'backend')))!.certificate)!;
  const writes = settings.writes.length;
  const now = readMemberCertificate((await join(await invite('m1', 'frontend')))!.certificate)!;
  t.same(
    certificatesOf(settings.state, 'm1').map(({ serial }) => serial),
    [now.serial],
  );
  t.same(revokedSerials(settings.state), [lost.serial]);
  t.same(
    settings.writes.slice(writes),
    ['security/state', 'security/state'],
    'invited; joined, in one write',
  );
  // The only backend of a cluster gets another role at itself.
  const before = certificatesOf(settings.state, 'be1').length;
  await join(await invite('be1', 'symmetric'));
  t.equal(certificatesOf(settings.state, 'be1').length, before + 1, 'but who decides goes on');
});

void t.test('a clock that cannot be right decides nothing', async (t) => {
  const { settings, registrar, invite, join, wall, security, cluster } = await make();
  await join(await invite('fe1'));
  const open = await invite('fe2');
  const before = settings.writes.length;
  for (const days of [366, -3, 20 * 366]) {
    wall.ms = Date.now() + days * DAY_MS;
    await t.rejects(invite('fe3'), { code: 'refused', message: /the clock of be1 says .* set the clock/ });
    await t.rejects(join(open), { code: 'refused', message: /clock/ });
    await t.rejects(registrar.decide({ kind: 'revoke', member: 'fe1' }), {
      code: 'refused',
      message: /clock/,
    });
  }
  t.equal(settings.writes.length, before, 'nothing was written');
  wall.ms = Date.now();
  t.ok(await join(open), 'and all goes on when it is right');
  // Within the life of our own certificate it may be wrong too: nobody is put out by it.
  wall.ms = Date.now() + 366 * DAY_MS;
  security.replace(await cluster.files('be1', 'backend', wall.ms));
  await invite('fe3');
  for (const member of ['be1', 'fe1', 'fe2'])
    t.equal(certificatesOf(settings.state, member).length, 1, `${member} is a member`);
});

void t.test('revocation: every certificate and invitation, for ever', async (t) => {
  const { settings, registrar, invite, join, wall, security, cluster } = await make();
  const fe = readMemberCertificate((await join(await invite('fe1')))!.certificate)!;
  const open = await invite('fe1');
  const other = await invite('fe2');
  await registrar.decide({ kind: 'revoke', member: 'fe1' });
  t.same(revokedSerials(settings.state), [fe.serial]);
  t.same(certificatesOf(settings.state, 'fe1'), []);
  t.equal(await codeOf(join(open)), 'refused', 'its invitation too');
  t.ok(await join(other), 'others’ stay');
  const request = (await makeRequest()).request;
  t.equal(
    await codeOf(registrar.decide({ kind: 'renew', member: 'fe1', serial: fe.serial, request })),
    'refused',
  );
  t.equal(
    await codeOf(registrar.decide({ kind: 'revoke', member: 'fe1' })),
    'not-found',
    'it is none any more',
  );
  t.equal(await codeOf(registrar.decide({ kind: 'revoke', member: 'constructor' })), 'not-found');
  t.equal(await codeOf(registrar.decide({ kind: 'revoke', member: 'be1' })), 'refused', 'not who decides');
  t.ok(await join(await invite('fe1')), 'invited anew it is a member again');
  t.same(revokedSerials(settings.state), [fe.serial], 'and its old certificate stays revoked');
  wall.ms += 366 * DAY_MS;
  security.replace(await cluster.files('be1', 'backend', wall.ms));
  await invite('fe3');
  t.same(revokedSerials(settings.state), [], 'until it is over anyway');
});

void t.test('invitations have a limit', async (t) => {
  const { invite } = await make();
  for (let i = 0; i < INVITATIONS_MAX; i++) await invite(`fe${i}`);
  t.equal(await codeOf(invite('one-more')), 'limit');
});

void t.test('questions are read field by field', async (t) => {
  const invitation = {
    id: 'a'.repeat(16),
    secretHash: 'b'.repeat(64),
    member: 'fe1',
    role: 'frontend',
    expiresMs: 1,
    by: 'be1',
    host: 'h',
    port: 1,
  };
  const asked = (more: Readonly<Record<string, unknown>>) => ({
    kind: 'invite',
    invitation: { ...invitation, ...more },
  });
  t.match(readQuestion(asked({})), asked({}));
  for (const [name, wrong] of [
    ['nothing', null],
    ['no kind', {}],
    ['an unknown kind', { kind: 'king' }],
    ['no invitation', { kind: 'invite' }],
    ['a short id', asked({ id: 'a' })],
    ['a hash of other letters', asked({ secretHash: 'B'.repeat(64) })],
    ['a name with a space', asked({ member: 'f e' })],
    ['a role that stands alone', asked({ role: 'standalone' })],
    ['an unknown role', asked({ role: 'king' })],
    ['no time', asked({ expiresMs: -1 })],
    ['a secret that is text', { kind: 'join', id: 'a'.repeat(16), secret: 'x', request: '' }],
    [
      'a long request',
      { kind: 'join', id: 'a'.repeat(16), secret: Buffer.alloc(1), request: 'x'.repeat(5000) },
    ],
    ['no request', { kind: 'renew', member: 'fe1', serial: '1' }],
    ['nobody', { kind: 'revoke' }],
  ] as const)
    t.throws(() => readQuestion(wrong), { code: 'invalid' }, name);
});

const NO_FINGERPRINT = JSON.stringify({
  version: 1,
  authorities: [],
  rings: { backend: [], frontend: [] },
  revoked: [],
  invitations: [],
  members: { be1: [{ serial: '1', role: 'backend', notAfterMs: 1, authority: '' }] },
});

void t.test('a state that cannot be read is damage, none is none', async (t) => {
  t.equal(parseState(undefined), undefined);
  for (const text of [
    '',
    'null',
    '{}',
    '{"version":2}',
    '[]',
    '{"version":1,"authorities":1}',
    NO_FINGERPRINT,
  ])
    t.throws(() => parseState(Buffer.from(text)), { code: 'damaged' }, text);
});

function codeOfError(error: unknown): string {
  return (error as { readonly code: string }).code;
}

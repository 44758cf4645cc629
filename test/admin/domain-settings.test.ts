/** The commands on settings of a domain, as a client of the CLI sends them. */
import t from 'tap';
import { execute, type Outcome } from '../../src/admin/commands.ts';
import { format } from '../../src/lib/dictionary/format.ts';
import type { Dictionary, Value } from '../../src/lib/dictionary/value.ts';
import { Failure } from '../../src/lib/failure.ts';
import { makeIdentity } from '../support/certificates.ts';
import { MemoryAdministration, POSTMASTER } from './memory.ts';

const OK = 'done';

async function run(admin: MemoryAdministration, line: string): Promise<unknown> {
  const outcome: Outcome = await execute(admin, POSTMASTER, line);
  if (outcome.kind === 'refused') return `${outcome.reason}: ${outcome.message}`;
  return outcome.kind === 'done' ? OK : format(outcome.value);
}

async function withDomains(): Promise<MemoryAdministration> {
  const admin = new MemoryAdministration();
  await run(admin, 'CREATEDOMAIN a.example SHARED');
  await run(admin, 'CREATEDOMAIN b.example SHARED');
  return admin;
}

void t.test('SET replaces, UPDATE merges, default removes, GET shows what is explicit', async (t) => {
  const admin = await withDomains();
  const plays: readonly (readonly [line: string, answer: string | RegExp])[] = [
    ['GETDOMAINSETTINGS a.example', '{}'],
    ['GETDOMAINEFFECTIVESETTINGS a.example', '{IPAddresses=();CertificateType=YES;}'],
    ['UPDATEDOMAINSETTINGS a.example {IPAddresses=("2001:DB8::1",192.0.2.1);}', OK],
    ['GETDOMAINSETTINGS A.Example', '{IPAddresses=("2001:db8::1","192.0.2.1");}'],
    ['UpdateDomainSettings a.example {CertificateType=Test;}', OK],
    ['GETDOMAINSETTINGS a.example', '{IPAddresses=("2001:db8::1","192.0.2.1");CertificateType=Test;}'],
    ['GETDOMAINSETTINGS b.example', '{}'],
    ['UPDATEDOMAINSETTINGS a.example {IPAddresses=default;}', OK],
    ['GETDOMAINSETTINGS a.example', '{CertificateType=Test;}'],
    ['SETDOMAINSETTINGS a.example {IPAddresses=("192.0.2.7");}', OK],
    ['GETDOMAINSETTINGS a.example', '{IPAddresses=("192.0.2.7");}'],
    ['GETDOMAINEFFECTIVESETTINGS a.example', '{IPAddresses=("192.0.2.7");CertificateType=YES;}'],
    ['SETDOMAINSETTINGS a.example {}', OK],
    ['GETDOMAINSETTINGS a.example', '{}'],
    ['UPDATEDOMAINSETTINGS a.example {}', OK],
    [
      'UPDATEDOMAINSETTINGS a.example {MailToAll=x;}',
      /^invalid: a domain has no setting MailToAll; it has IPAddresses,/,
    ],
    [
      'UPDATEDOMAINSETTINGS a.example {CertificateType=Test;Other=x;}',
      /^invalid: a domain has no setting Other/,
    ],
    ['GETDOMAINSETTINGS a.example', '{}'],
    [
      'UPDATEDOMAINSETTINGS a.example {IPAddresses=x;}',
      /^invalid: IPAddresses: give a list of at most 64 IP addresses/,
    ],
    [
      'UPDATEDOMAINSETTINGS a.example',
      /^syntax: \{settings\} expected; usage: UPDATEDOMAINSETTINGS \[domain\] \{settings\}/,
    ],
    ['UPDATEDOMAINSETTINGS c.example {}', /^unknown-domain: unknown secondary domain name/],
    ['GETDOMAINSETTINGS', /^unknown-domain: give the name of a domain/],
    ['SETDOMAINSETTINGS {}', /^unknown-domain/],
    ['CREATEDOMAIN c.example SHARED {IPAddresses="192.0.2.9";}', OK],
    ['GETDOMAINSETTINGS c.example', '{IPAddresses=("192.0.2.9");}'],
    ['CREATEDOMAIN d.example SHARED {IPAddresses=x;}', /^invalid: IPAddresses: give/],
    ['GETDOMAINSETTINGS d.example', /^unknown-domain/],
  ];
  for (const [line, answer] of plays) {
    const got = await run(admin, line);
    if (typeof answer === 'string') t.equal(got, answer, line);
    else t.match(got, answer, line);
  }
  admin.mainDomain = 'a.example';
  t.equal(
    await run(admin, 'UPDATEDOMAINSETTINGS {CertificateType=Test;}'),
    OK,
    'the main domain needs no name',
  );
  t.equal(await run(admin, 'GETDOMAINSETTINGS'), '{CertificateType=Test;}');
});

void t.test(
  'a certificate: in three commands as scripts of the field do it, or in one; the key is never shown',
  async (t) => {
    const admin = await withDomains();
    const { pem, der, key } = await makeIdentity({ names: ['a.example'] });
    const update = (values: Readonly<Record<string, Value>>, name = 'a.example'): Promise<unknown> =>
      run(admin, `UPDATEDOMAINSETTINGS ${name} ${format(new Map(Object.entries(values)))}`);
    const shown = async (): Promise<Dictionary> => {
      const outcome = await execute(admin, POSTMASTER, 'GETDOMAINSETTINGS a.example');
      return outcome.kind === 'data' ? (outcome.value as Dictionary) : new Map();
    };
    // `-----BEGIN…` with its line ends is one string of the command line.
    t.equal(await update({ PrivateSecureKey: key }), OK);
    t.strictSame([...(await shown())], [['PrivateSecureKey', 'hidden']]);
    t.equal(await update({ SecureCertificate: der }), OK);
    t.strictSame(
      [...(await shown())],
      [
        ['SecureCertificate', der],
        ['PrivateSecureKey', 'hidden'],
      ],
    );
    t.equal(
      await run(admin, `SETDOMAINSETTINGS a.example ${format(await shown())}`),
      OK,
      'what GET gave, set again',
    );
    t.equal((await shown()).size, 2);
    t.match(
      await update({ SecureCertificate: pem, PrivateSecureKey: key }, 'b.example'),
      /^invalid: SecureCertificate: it is for a.example, not for b.example/,
    );
    t.equal(await update({ PrivateSecureKey: 'default' }), OK);
    t.equal((await shown()).size, 0);
    const answers = JSON.stringify([
      await run(admin, 'GETDOMAINEFFECTIVESETTINGS a.example'),
      [...(await shown())],
    ]);
    t.notMatch(answers, key.slice(60, 100));
  },
);

void t.test('rights, and failures', async (t) => {
  const admin = await withDomains();
  await run(admin, 'CREATEACCOUNT joe@a.example');
  const object = admin.accounts.get('1/joe')!.object;
  const joe = { kind: 'account', login: 'joe@a.example', object } as const;
  for (const line of [
    'GETDOMAINSETTINGS a.example',
    'GETDOMAINEFFECTIVESETTINGS a.example',
    'SETDOMAINSETTINGS a.example {}',
    'UPDATEDOMAINSETTINGS a.example {}',
  ])
    t.match(await execute(admin, joe, line), { reason: 'no-right' }, line);
  for (const [code, reason] of [
    ['exists', 'failed'],
    ['not-found', 'unknown-domain'],
    ['limit', 'invalid'],
    ['unavailable', 'temporary'],
    ['unknown', 'unknown-outcome'],
  ] as const) {
    admin.failure = new Failure(code, 'why');
    t.match(
      await execute(admin, POSTMASTER, 'UPDATEDOMAINSETTINGS a.example {}'),
      { kind: 'refused', reason },
      code,
    );
  }
});

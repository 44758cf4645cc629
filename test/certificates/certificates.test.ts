/** What is shown to whom, and that the index follows every change of the settings. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { Certificates } from '../../src/certificates/certificates.ts';
import {
  CLUSTER_CERTIFICATE,
  encodeClusterCertificate,
  sealTicketKey,
  TICKET_KEY,
} from '../../src/certificates/cluster-values.ts';
import type { Keyring } from '../../src/cluster/security/types.ts';
import { type Logger, noLogger } from '../../src/lib/logging.ts';
import type { Address, TlsIdentity } from '../../src/platform/platform.ts';
import { encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { FakeSettings } from '../directory/settings.ts';
import type { TestIdentity } from '../support/certificates.ts';
import {
  change,
  DAY_MS,
  identity,
  identityOf,
  NOW_MS,
  newRing,
  random,
  ring,
  rotated,
  settingsWith,
} from './bed.ts';

const AT: Address = { host: '198.51.100.1', port: 993 };

class Bed {
  readonly settings = new FakeSettings();
  readonly warnings: string[] = [];
  ring: Keyring = ring;
  readonly certificates: Certificates;

  constructor(own: TestIdentity) {
    this.settings.remove(1 as DomainId);
    this.settings.remove(2 as DomainId);
    this.putOwn(own);
    const logger: Logger = { ...noLogger, warn: (_, message) => void this.warnings.push(message) };
    this.certificates = new Certificates({ settings: this.settings, ring: () => this.ring, logger });
  }

  putOwn({ der, key }: TestIdentity, under = ring): void {
    const value = encodeClusterCertificate(der, createPrivateKey(key), under, random);
    this.settings.setValue(CLUSTER_CERTIFICATE, value);
  }

  put(id: number, name: string, settings?: Buffer): void {
    const record = { id: id as DomainId, name, shared: true };
    this.settings.put(settings === undefined ? record : { ...record, settings });
  }

  identity(serverName?: string, host = AT.host): TlsIdentity {
    return this.certificates.identity(serverName, { ...AT, host });
  }
}

async function bed(): Promise<Bed> {
  return new Bed(await identity('own.example'));
}

void t.test('SNI: exactly, by wildcard, by address, unknown, none', async (t) => {
  const b = await bed();
  const made = {
    a: await identity('a.example', 'mail.a.example'),
    b: await identity('*.b.example'),
    c: await identityOf({ names: ['c.example'], ips: ['203.0.113.9', '2001:db8::9'] }),
    own: await identity('own.example'),
  };
  b.put(3, 'a.example', settingsWith('a.example', made.a));
  b.put(4, 'b.example', settingsWith('b.example', made.b, { IPAddresses: ['192.0.2.4', '2001:db8::4'] }));
  b.put(5, 'c.example', settingsWith('c.example', made.c));
  b.put(6, 'plain.example');
  b.put(
    7,
    'addressed.example',
    encodeDomainSettings(change('addressed.example', new Map(), { IPAddresses: ['192.0.2.7'] })),
  );
  const cases: readonly (readonly [
    serverName: string | undefined,
    host: string,
    shown: keyof typeof made,
  ])[] = [
    ['a.example', AT.host, 'a'],
    ['MAIL.A.example.', AT.host, 'a'],
    ['imap.a.example', AT.host, 'own'],
    ['imap.b.example', AT.host, 'b'],
    ['b.example', AT.host, 'own'],
    ['x.imap.b.example', AT.host, 'own'],
    ['a.example', '192.0.2.4', 'a'],
    ['unknown.example', '192.0.2.4', 'b'],
    ['192.0.2.4', AT.host, 'own'],
    [undefined, '192.0.2.4', 'b'],
    [undefined, '::ffff:192.0.2.4', 'b'],
    [undefined, '2001:db8:0::4', 'b'],
    [undefined, '203.0.113.9', 'c'],
    [undefined, '2001:db8::9', 'c'],
    [undefined, '192.0.2.7', 'own'],
    [undefined, AT.host, 'own'],
    [undefined, '', 'own'],
    ['own.example', AT.host, 'own'],
    ['plain.example', AT.host, 'own'],
    ['', AT.host, 'own'],
  ];
  for (const [serverName, host, shown] of cases)
    t.equal(b.identity(serverName, host).chain, made[shown].chain, `${serverName} at ${host}`);
  t.ok(createPrivateKey(b.identity('a.example').key).equals(createPrivateKey(made.a.key)), 'with its key');
  t.strictSame(b.warnings, []);
});

void t.test(
  'the same certificate is the same object until it changes, and a change is in force at once',
  async (t) => {
    const b = await bed();
    const [one, two] = [await identity('a.example'), await identity('a.example', 'www.a.example')];
    b.put(3, 'a.example', settingsWith('a.example', one));
    const shown = b.identity('a.example');
    const own = b.identity();
    t.equal(b.identity('a.example'), shown);
    b.put(4, 'other.example', settingsWith('other.example', await identity('other.example')));
    b.settings.tellWhole();
    t.equal(b.identity('a.example'), shown, 'others changed');
    t.equal(b.identity(), own);
    const newer = rotated(ring);
    b.ring = newer;
    b.put(3, 'a.example', settingsWith('a.example', one, {}, newer));
    b.putOwn(await identity('own.example'), newer);
    t.equal(b.identity('a.example'), shown, 'sealed anew');
    t.equal(b.identity(), own);
    b.put(3, 'a.example', settingsWith('a.example', two));
    t.equal(b.identity('a.example').chain, two.chain);
    t.equal(b.identity('www.a.example'), b.identity('a.example'));
    b.put(3, 'a.example', settingsWith('a.example', two, { CertificateType: 'Test' }));
    t.equal(b.identity('a.example'), own, 'Test');
    b.put(3, 'a.example', settingsWith('a.example', one));
    t.equal(b.identity('www.a.example'), own, 'a name it has no longer');
    b.settings.remove(3 as DomainId);
    t.equal(b.identity('a.example'), own, 'a domain that is gone');
    b.certificates.close();
    b.put(3, 'a.example', settingsWith('a.example', one));
    t.equal(b.identity('a.example'), own, 'closed');
  },
);

void t.test('what cannot be opened is logged once and stops nobody', async (t) => {
  const b = await bed();
  const [one, two] = [await identity('a.example'), await identity('a.example', 'www.a.example')];
  const other = newRing();
  b.put(3, 'a.example', settingsWith('a.example', one, {}, other));
  t.equal(b.identity('a.example'), b.identity());
  t.equal(b.identity('a.example'), b.identity());
  t.match(b.warnings.splice(0), [
    /cannot be opened .* install it again: postern certificate a.example cert.pem key.pem/,
  ]);
  b.ring = rotated(other, ring);
  t.equal(b.identity('a.example').chain, one.chain, 'when the ring has come');

  const unknown = newRing();
  b.put(3, 'a.example', settingsWith('a.example', two, {}, unknown));
  t.equal(
    b.identity('a.example').chain,
    one.chain,
    'our keys are older than the settings: what it showed before',
  );
  t.equal(b.identity('a.example').chain, one.chain);
  t.equal(b.warnings.splice(0).length, 1);
  b.ring = rotated(b.ring, unknown);
  t.equal(b.identity('a.example').chain, two.chain);

  const broken = settingsWith('a.example', one);
  broken[broken.lastIndexOf('PrivateSecureKey') + 60]! ^= 1;
  b.put(3, 'a.example', broken);
  t.equal(b.identity('a.example'), b.identity(), 'damaged: nothing of it is believed');
  t.equal(b.warnings.splice(0).length, 1);
  b.put(3, 'a.example', Buffer.from('not settings at all'));
  t.equal(b.identity('a.example'), b.identity());
  t.match(b.warnings.splice(0), [/cannot be opened/]);
  b.put(3, 'a.example', settingsWith('a.example', one));
  t.equal(b.identity('a.example').chain, one.chain, 'installed again');

  b.settings.setValue(CLUSTER_CERTIFICATE, Buffer.from('broken'));
  t.equal(b.identity().chain, (await identity('own.example')).chain, 'the one before goes on');
  b.settings.setValue(CLUSTER_CERTIFICATE, null);
  t.throws(() => b.identity(), { code: 'unavailable' });
  t.notOk(b.certificates.isUsable);
});

void t.test('the key of session tickets', async (t) => {
  const b = await bed();
  t.equal(b.certificates.ticketKeys(), undefined, 'before the first one');
  const octets = random.bytes(48);
  b.settings.setValue(TICKET_KEY, sealTicketKey({ madeMs: NOW_MS, octets }, ring, random));
  t.strictSame(b.certificates.ticketKeys(), octets);
  t.equal(b.certificates.ticketKeys(), b.certificates.ticketKeys(), 'the same object');
  const next = newRing();
  b.settings.setValue(TICKET_KEY, sealTicketKey({ madeMs: NOW_MS, octets }, next, random));
  t.equal(b.certificates.ticketKeys(), undefined);
  t.equal(b.certificates.ticketKeys(), undefined);
  t.equal(b.warnings.length, 1, 'said once');
  b.ring = rotated(ring, next);
  t.strictSame(b.certificates.ticketKeys(), octets);
  b.settings.setValue(TICKET_KEY, sealTicketKey({ madeMs: NOW_MS, octets: random.bytes(47) }, ring, random));
  t.equal(b.certificates.ticketKeys(), undefined, 'of another length');
});

void t.test('which end soon', async (t) => {
  const b = await bed();
  const ends = [31, 30, 15, 14, 4, 3, 0.5].map((days) => new Date(NOW_MS + days * DAY_MS - 2000));
  for (const [index, notAfter] of ends.entries()) {
    const name = `d${index}.example`;
    b.put(10 + index, name, settingsWith(name, await identityOf({ names: [name], notAfter })));
  }
  const at = (nowMs: number) => b.certificates.expiring(nowMs).map(({ domain, within }) => [domain, within]);
  t.strictSame(at(NOW_MS), [
    ['d6.example', 3],
    ['d5.example', 3],
    ['d4.example', 14],
    ['d3.example', 14],
    ['d2.example', 30],
    ['d1.example', 30],
  ]);
  t.strictSame(at(NOW_MS + DAY_MS)[0], ['d6.example', 'over']);
  t.strictSame(at(NOW_MS + 380 * DAY_MS).at(-1), [undefined, 'over'], "the cluster's own too");
});

const SEED = 12;
void t.test(
  `the index after any changes is the one that is built from what is there (seed ${SEED})`,
  async () => {
    const domains = ['a.example', 'b.a.example', 'c.example'];
    const made = [
      await identity('a.example', '*.a.example', 'mail.c.example'),
      await identity('b.a.example', 'mail.c.example'),
      await identity('x.b.a.example', '*.c.example', 'c.example', 'a.example'),
      await identityOf({ names: ['mail.c.example', 'b.a.example', 'a.example'], ips: ['192.0.2.1'] }),
    ];
    const settings = domains.map((domain, index) => [
      undefined,
      ...made
        .filter((each) => new X509Certificate(each.der).subjectAltName?.includes(domain))
        .flatMap((each) => [
          settingsWith(domain, each),
          settingsWith(domain, each, { IPAddresses: [`192.0.2.${index + 1}`] }),
        ]),
      encodeDomainSettings(change(domain, new Map(), { IPAddresses: [`192.0.2.${index + 1}`] })),
    ]);
    const asked = [
      'a.example',
      'b.a.example',
      'x.a.example',
      'x.b.a.example',
      'mail.c.example',
      'y.c.example',
      'c.example',
      undefined,
    ];
    const hosts = [AT.host, '192.0.2.1', '192.0.2.2', '192.0.2.3'];
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('put' as const), fc.nat(2), fc.nat(9)) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), fc.nat(2), fc.constant(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('whole' as const), fc.constant(0), fc.constant(0)) },
    );
    const own = await identity('own.example');
    const property = fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
      const b = new Bed(own);
      const before = new Map<string, TlsIdentity>();
      for (const [kind, domain, choice] of acts) {
        const name = domains[domain]!;
        const choices = settings[domain]!;
        if (kind === 'put') b.put(3 + domain, name, choices[choice % choices.length]);
        else if (kind === 'remove') b.settings.remove((3 + domain) as DomainId);
        else b.settings.tellWhole();
        const anew = new Certificates({ settings: b.settings, ring: () => b.ring, logger: noLogger });
        for (const serverName of asked)
          for (const host of hosts) {
            const [shown, expected] = [
              b.identity(serverName, host),
              anew.identity(serverName, { ...AT, host }),
            ];
            assert.equal(shown.chain, expected.chain, `${serverName} at ${host}`);
            // What did not change is the same object, whatever else changed.
            const key = `${serverName} ${host}`;
            const last = before.get(key);
            if (last !== undefined && last.chain === shown.chain && kind === 'whole')
              assert.equal(shown, last);
            before.set(key, shown);
          }
        anew.close();
      }
    });
    fc.assert(property, { numRuns: 60, seed: SEED });
  },
);

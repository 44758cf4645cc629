/** What the controller does for the certificates: made when missing, rotated, replaced, warned of; and rotation of the ring. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import { Certificates } from '../../src/certificates/certificates.ts';
import {
  CLUSTER_CERTIFICATE,
  decodeClusterCertificate,
  encodeClusterCertificate,
  openTicketKey,
  TICKET_KEY,
} from '../../src/certificates/cluster-values.ts';
import { type Keeping, type KeepOptions, keepCertificates } from '../../src/certificates/keep.ts';
import { resealChanges } from '../../src/certificates/reseal.ts';
import { sealedUnder } from '../../src/cluster/security/sealed.ts';
import type { Keyring } from '../../src/cluster/security/types.ts';
import type { SettingsChange } from '../../src/directory/cluster-settings.ts';
import type { Value } from '../../src/lib/dictionary/value.ts';
import { Failure } from '../../src/lib/failure.ts';
import { type LogFields, type Logger, noLogger } from '../../src/lib/logging.ts';
import { decodeDomainSettings, encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { FakeSettings } from '../directory/settings.ts';
import { ManualClock } from '../support/manual-clock.ts';
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

class Bed {
  readonly settings = new FakeSettings();
  readonly clock = new ManualClock({ wallMs: NOW_MS });
  readonly log: { readonly message: string; readonly fields: object }[] = [];
  readonly said: string[] = [];
  readonly changes: string[] = [];
  ring: Keyring = ring;
  failure: Error | undefined;
  keeping: Keeping | undefined;

  start(more: Partial<KeepOptions> = {}): void {
    const note = (fields: object, message: string): void => void this.log.push({ fields, message });
    const logger: Logger = { ...noLogger, info: note, warn: note };
    this.keeping = keepCertificates({
      settings: this.settings,
      change: async (each) => this.apply(each),
      ring: () => this.ring,
      inCharge: () => true,
      names: ['localhost'],
      said: (line) => void this.said.push(line),
      clock: this.clock,
      random,
      logger,
      ...more,
    });
  }

  apply(each: SettingsChange): void {
    if (this.failure !== undefined) throw this.failure;
    if (each.kind === 'setValue') {
      this.changes.push(each.key);
      this.settings.setValue(each.key, each.value);
    } else if (each.kind === 'setDomainSettings') {
      const domain = this.settings.domainById(each.id)!;
      this.settings.put({ ...domain, settings: each.settings! });
    } else throw new Error(each.kind);
  }

  /** Until this many changes were made; making a key pair takes real time. */
  async changed(count: number): Promise<void> {
    while (this.changes.length < count) await immediate();
    await this.clock.advance(0);
  }

  async stop(): Promise<void> {
    await this.keeping?.stop();
  }
}

void t.test('a first start: a self-signed certificate, said aloud, and a key for tickets', async (t) => {
  const bed = new Bed();
  bed.start({ names: ['mx.example', 'mx2.example'] });
  await bed.changed(2);
  const { certificate, key } = decodeClusterCertificate(bed.settings.value(CLUSTER_CERTIFICATE)!);
  t.equal(certificate.subjectAltName, 'DNS:mx.example, DNS:mx2.example');
  t.ok(certificate.verify(certificate.publicKey), 'signed by itself');
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.notOk(certificate.ca);
  t.ok(certificate.validFromDate.getTime() < NOW_MS);
  t.ok(certificate.validToDate.getTime() > NOW_MS + 3600 * DAY_MS);
  t.ok(sealedUnder(key.subarray(32)) === ring.keys[0]?.id, 'its key is sealed');
  t.match(bed.said, [/made a self-signed certificate .* postern certificate DOMAIN cert.pem key.pem/]);
  t.match(bed.log[0]?.message, /made a self-signed certificate/);
  const ticket = openTicketKey(bed.settings.value(TICKET_KEY)!, ring);
  t.equal(ticket.octets.length, 48);

  const { settings } = bed;
  const certificates = new Certificates({ settings, ring: () => ring, logger: noLogger });
  t.match(certificates.identity('any.example', { host: '192.0.2.1', port: 1 }).chain, /BEGIN CERTIFICATE/);
  t.strictSame(certificates.ticketKeys(), ticket.octets);

  await bed.clock.advance(DAY_MS / 2);
  t.equal(bed.changes.length, 2, 'nothing more to do');
  await bed.clock.advance(DAY_MS / 2 + 61_000);
  t.strictSame(bed.changes.slice(2), [TICKET_KEY], 'a new key for tickets each day');
  t.notSame(certificates.ticketKeys(), ticket.octets);
  await bed.stop();
  await bed.clock.advance(3 * DAY_MS);
  t.equal(bed.changes.length, 3, 'stopped');
  t.equal(bed.clock.timers, 0);
});

void t.test('another controller goes on with what it finds', async (t) => {
  const bed = new Bed();
  bed.start();
  await bed.changed(2);
  await bed.stop();
  let inCharge = false;
  bed.start({ inCharge: () => inCharge });
  bed.settings.setValue(TICKET_KEY, null);
  await bed.clock.advance(10_000);
  t.equal(bed.changes.length, 2, 'not in charge: nothing');
  inCharge = true;
  await bed.clock.advance(2000);
  t.strictSame(bed.changes.slice(2), [TICKET_KEY], 'only what is missing');
  await bed.stop();
});

void t.test(
  'replaced: near its end, or damaged; left alone: sealed under a key that we do not have yet',
  async (t) => {
    const soon = await identityOf({ names: ['own.example'], notAfter: new Date(NOW_MS + 29 * DAY_MS) });
    const good = await identity('own.example');
    const stored = ({ der, key }: typeof good, under = ring): Buffer =>
      encodeClusterCertificate(der, createPrivateKey(key), under, random);
    const damaged = stored(good);
    damaged[damaged.length - 1]! ^= 1;
    const cases: readonly (readonly [what: string, value: Buffer, made: boolean])[] = [
      ['good', stored(good), false],
      ['near its end', stored(soon), true],
      ['damaged key', damaged, true],
      ['no value of ours', Buffer.from('x'), true],
      ['under a newer key', stored(good, newRing()), false],
    ];
    for (const [what, value, made] of cases) {
      const bed = new Bed();
      bed.settings.setValue(CLUSTER_CERTIFICATE, value);
      bed.start();
      await bed.changed(made ? 2 : 1);
      t.equal(bed.changes.includes(CLUSTER_CERTIFICATE), made, what);
      await bed.stop();
    }
  },
);

void t.test('a change that fails is tried again, not at once', async (t) => {
  const bed = new Bed();
  bed.failure = new Failure('unavailable', 'no controller');
  bed.start();
  while (bed.log.length === 0) await immediate();
  t.match(bed.log[0]?.message, /not looked after now/);
  bed.failure = undefined;
  await bed.clock.advance(9000);
  t.strictSame(bed.changes, []);
  await bed.clock.advance(2000);
  await bed.changed(2);
  await bed.stop();
});

void t.test('a clock set back does not keep a key of tickets for ever', async (t) => {
  const bed = new Bed();
  bed.start();
  await bed.changed(2);
  bed.clock.setWall(NOW_MS - DAY_MS);
  await bed.clock.advance(61_000);
  t.strictSame(bed.changes.slice(2), [TICKET_KEY]);
  await bed.stop();
});

void t.test('warnings: once a day for each certificate that ends within 30 days', async (t) => {
  const bed = new Bed();
  const put = async (id: number, name: string, days: number): Promise<void> => {
    const made = await identityOf({ names: [name], notAfter: new Date(NOW_MS + days * DAY_MS) });
    bed.settings.put({ id: id as DomainId, name, shared: true, settings: settingsWith(name, made) });
  };
  await put(3, 'far.example', 90);
  await put(4, 'near.example', 13);
  await put(5, 'last.example', 1.5);
  bed.settings.put({ id: 6 as DomainId, name: 'broken.example', shared: true, settings: Buffer.from('x') });
  bed.start();
  await bed.changed(2);
  const warnings = (): unknown =>
    bed.log.splice(0).flatMap(({ message }) => (/the certificate of/.test(message) ? [message] : []));
  const [near, last] = [13, 1.5].map((days) => new Date(NOW_MS + days * DAY_MS).toISOString().slice(0, 10));
  const remedy = (name: string): string => `install a new one: postern certificate ${name} cert.pem key.pem`;
  const first = [
    `the certificate of last.example ends on ${last}, in less than 3 days; ${remedy('last.example')}`,
    `the certificate of near.example ends on ${near}, in less than 14 days; ${remedy('near.example')}`,
  ];
  t.strictSame(warnings(), first);
  bed.clock.setWall(Math.ceil(NOW_MS / DAY_MS) * DAY_MS - 62_000);
  await bed.clock.advance(61_000);
  t.strictSame(warnings(), [], 'not twice a day');
  await bed.clock.advance(61_000);
  t.strictSame(warnings(), first, 'the next day');
  bed.clock.setWall(NOW_MS + 2 * DAY_MS);
  await bed.clock.advance(61_000);
  t.strictSame(warnings(), [
    `the certificate of last.example ended on ${last}: clients refuse it; ${remedy('last.example')}`,
    first[1],
  ]);
  const shown = settingsWith('last.example', await identity('last.example'));
  bed.settings.put({ id: 5 as DomainId, name: 'last.example', shared: true, settings: shown });
  bed.settings.remove(4 as DomainId);
  bed.clock.setWall(NOW_MS + 3 * DAY_MS);
  await bed.clock.advance(61_000);
  t.strictSame(warnings(), [], 'one was replaced, the other went with its domain');
  const test = settingsWith(
    'test.example',
    await identityOf({ names: ['test.example'], notAfter: new Date(NOW_MS + 5 * DAY_MS) }),
    { CertificateType: 'Test' },
  );
  bed.settings.put({ id: 7 as DomainId, name: 'test.example', shared: true, settings: test });
  bed.settings.tellWhole();
  bed.clock.setWall(NOW_MS + 4 * DAY_MS);
  await bed.clock.advance(61_000);
  t.strictSame(warnings(), [], 'not one that nobody is shown');
  await bed.stop();
});

void t.test('rotation: all of TLS is sealed anew, and nothing else changes', async (t) => {
  const bed = new Bed();
  bed.start();
  await bed.changed(2);
  await bed.stop();
  const made = await identity('one.example');
  const waiting = await identity('www.one.example');
  const settings = decodeDomainSettings(settingsWith('one.example', made));
  bed.apply({
    kind: 'setDomainSettings',
    id: 1 as DomainId,
    expected: Buffer.alloc(0),
    settings: encodeDomainSettings(change('one.example', settings, { PrivateSecureKey: waiting.key }))!,
  });
  const newer = newRing();
  const both = rotated(ring, newer);
  t.strictSame(
    [...resealChanges(bed.settings, ring, random, noLogger)],
    [],
    'nothing is sealed under an older key',
  );
  const changes = [...resealChanges(bed.settings, both, random, noLogger)];
  t.strictSame(
    changes.map(({ kind }) => kind),
    ['setValue', 'setValue', 'setDomainSettings'],
  );
  for (const each of changes) bed.apply(each);
  t.strictSame([...resealChanges(bed.settings, both, random, noLogger)], []);
  const certificates = new Certificates({ settings: bed.settings, ring: () => newer, logger: noLogger });
  const at = { host: '192.0.2.1', port: 1 };
  t.equal(certificates.identity('one.example', at).chain, made.chain, 'the old key is needed no more');
  t.match(new X509Certificate(certificates.identity('x.example', at).chain).subject, /self-signed/);
  t.equal(certificates.ticketKeys()?.length, 48);
  const sealed = decodeDomainSettings(bed.settings.domain('one.example')?.settings).get(
    'NextSecureKey',
  ) as Buffer;
  t.equal(sealedUnder(sealed.subarray(32)), newer.keys[0]?.id, 'the key that waits too');
});

void t.test('rotation passes over what opens under no key, with a line, whoever planted it', async (t) => {
  const bed = new Bed();
  bed.start();
  await bed.changed(2);
  await bed.stop();
  const made = await identity('two.example');
  const garbage = (seal: Buffer): Buffer =>
    encodeDomainSettings(
      new Map<string, Value>([['PrivateSecureKey', Buffer.concat([Buffer.alloc(32), seal])]]),
    )!;
  const ofKnownKey = Buffer.concat([
    Buffer.from([1]),
    Buffer.from(ring.keys[0]!.id, 'hex'),
    Buffer.alloc(40),
  ]);
  const ofNoKey = Buffer.concat([Buffer.from([1]), Buffer.alloc(60, 7)]);
  const domains = [
    ['a.example', garbage(ofKnownKey)],
    ['b.example', garbage(ofNoKey)],
    ['c.example', garbage(Buffer.alloc(3))],
    ['d.example', Buffer.from('no settings at all')],
    ['two.example', settingsWith('two.example', made)],
  ] as const;
  for (const [index, [name, settings]] of domains.entries())
    bed.settings.put({ id: (20 + index) as DomainId, name, shared: true, settings });
  for (const key of ['tls/certificate', 'tls/ticket-key'])
    bed.apply({ kind: 'setValue', key, value: ofKnownKey });
  const told: string[] = [];
  const logger = { error: (fields: LogFields) => void told.push(String(fields.domain ?? fields.key)) };
  const changes = [...resealChanges(bed.settings, rotated(ring, newRing()), random, logger)];
  t.match(changes, [{ kind: 'setDomainSettings', id: 24 }], 'the one that opens');
  t.strictSame(told.toSorted(), [
    'a.example',
    'b.example',
    'c.example',
    'd.example',
    'tls/certificate',
    'tls/ticket-key',
  ]);
});

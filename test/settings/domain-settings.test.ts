/** Settings of a domain: the table, their stored form, what is shown. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { parse } from '../../src/lib/dictionary/parse.ts';
import type { Value } from '../../src/lib/dictionary/value.ts';
import { DecodeError } from '../../src/lib/encoder.ts';
import {
  DOMAIN_SETTINGS,
  decodeDomainSettings,
  describeDomainSettings,
  domainSetting,
  effectiveSettings,
  encodeDomainSettings,
  peekDomainSetting,
  shownSettings,
} from '../../src/settings/domain-settings.ts';

const REFUSED = Symbol('refused');

void t.test('addresses: every way of writing one is one, and some no domain can have', (t) => {
  const cases: readonly (readonly [written: string, read: unknown])[] = [
    ['(192.0.2.1)', ['192.0.2.1']],
    ['()', []],
    ['""', []],
    ['"192.0.2.1, 192.0.2.2"', ['192.0.2.1', '192.0.2.2']],
    ['(192.0.2.1, "2001:DB8:0::1", "2001:db8::0:1")', ['192.0.2.1', '2001:db8::1']],
    ['(#I[192.0.2.7])', ['192.0.2.7']],
    ['("::ffff:192.0.2.1")', ['192.0.2.1']],
    ['(127.0.0.2)', ['127.0.0.2']],
    ['("fd00::1", "::2")', ['fd00::1', '::2']],
    ['(#I[192.0.2.7]:25)', REFUSED],
    ['(127.0.0.1)', REFUSED],
    ['("::1")', REFUSED],
    ['("::ffff:127.0.0.1")', REFUSED],
    ['(0.0.0.0)', REFUSED],
    ['("::")', REFUSED],
    ['(224.0.0.1)', REFUSED],
    ['(255.255.255.255)', REFUSED],
    ['("ff02::1")', REFUSED],
    ['("fe80::1")', REFUSED],
    ['(192.0.2.256)', REFUSED],
    ['(a.example)', REFUSED],
    ['((192.0.2.1))', REFUSED],
    ['#12', REFUSED],
    [`(${Array.from({ length: 65 }, (_, index) => `192.0.2.${index + 1}`).join()})`, REFUSED],
  ];
  const { type } = DOMAIN_SETTINGS.IPAddresses;
  for (const [written, expected] of cases) {
    const read = type.read(valueOf(written));
    t.strictSame(read ?? REFUSED, expected, written);
    if (read !== undefined) t.strictSame(type.read(type.write(read)), read, `${written} again`);
  }
  t.end();
});

void t.test('the other types', (t) => {
  t.equal(DOMAIN_SETTINGS.CertificateType.type.read('yes'), 'YES');
  t.equal(DOMAIN_SETTINGS.CertificateType.type.read('NO'), undefined);
  for (const key of ['SecureCertificate', 'CAChain', 'PrivateSecureKey'] as const) {
    const { type } = DOMAIN_SETTINGS[key];
    t.strictSame(type.read(Buffer.from('x')), Buffer.from('x'));
    t.equal(type.read('-----BEGIN'), '-----BEGIN');
    t.equal(type.read(''), undefined);
    t.equal(type.read(Buffer.alloc(64 * 1024 + 1)), undefined);
    t.equal(type.read('é'.repeat(33 * 1024)), undefined, 'octets, not characters');
    t.equal(type.read(12), undefined);
  }
  t.end();
});

void t.test('what people see: explicit settings, effective ones, never the key', (t) => {
  const stored = new Map<string, Value>([
    ['IPAddresses', ['192.0.2.1']],
    ['SecureCertificate', Buffer.from('leaf')],
    ['PrivateSecureKey', Buffer.from('sealed')],
    ['CertificateNames', ['a.example']],
    ['CertificateEnds', { kind: 'date', ms: 0, dayOnly: false }],
    ['FromTheFuture', 'x'],
  ]);
  t.strictSame(
    [...shownSettings(stored)],
    [
      ['IPAddresses', ['192.0.2.1']],
      ['SecureCertificate', Buffer.from('leaf')],
      ['PrivateSecureKey', 'hidden'],
    ],
  );
  t.strictSame(
    [...shownSettings(new Map([['NextSecureKey', Buffer.from('s')]]))],
    [['PrivateSecureKey', 'hidden']],
  );
  t.strictSame(
    [...effectiveSettings(new Map())],
    [
      ['IPAddresses', []],
      ['CertificateType', 'YES'],
    ],
  );
  t.strictSame(effectiveSettings(stored).get('IPAddresses'), ['192.0.2.1']);
  t.equal(domainSetting(new Map(), 'CertificateType'), 'YES');
  t.equal(domainSetting(new Map([['CertificateType', 'Test']]), 'CertificateType'), 'Test');
  t.end();
});

const SEED = 71;
void t.test(`stored form: what was encoded is decoded (seed ${SEED})`, (t) => {
  const value = fc.oneof(
    fc.string(),
    fc.uint8Array().map((octets) => Buffer.from(octets)),
    fc.array(fc.string()),
    fc.maxSafeInteger(),
  );
  const property = fc.property(fc.dictionary(fc.string(), value), (object) => {
    const settings = new Map<string, Value>(Object.entries(object));
    const decoded = decodeDomainSettings(encodeDomainSettings(settings));
    assert.deepEqual(decoded, settings);
    for (const [key, each] of settings)
      assert.deepEqual(peekDomainSetting(encodeDomainSettings(settings)!, key), each);
  });
  fc.assert(property, { numRuns: 200, seed: SEED });
  t.equal(encodeDomainSettings(new Map()), undefined);
  t.strictSame(decodeDomainSettings(undefined), new Map());
  const pinned = encodeDomainSettings(
    new Map<string, Value>([
      ['b', Buffer.from('x')],
      ['a', ['y']],
    ]),
  );
  t.equal(pinned?.toString('latin1'), '\x01\x02\x01a\x00\x03(y)\x01b\x01\x01x', 'the format of storage');
  t.end();
});

void t.test(`fuzz (seed ${SEED}): any octets give settings or a DecodeError`, (t) => {
  const seed = encodeDomainSettings(
    new Map<string, Value>([
      ['IPAddresses', ['192.0.2.1']],
      ['SecureCertificate', Buffer.from('leaf')],
    ]),
  )!;
  const property = fc.property(
    fc.nat(seed.length),
    fc.nat(255),
    fc.uint8Array({ maxLength: 40 }),
    (at, octet, tail) => {
      const broken = Buffer.from(seed);
      broken[at % seed.length] = octet;
      for (const input of [broken, seed.subarray(0, at), Buffer.from(tail), Buffer.concat([seed, tail])])
        try {
          peekDomainSetting(input, 'IPAddresses');
          decodeDomainSettings(input);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
    },
  );
  fc.assert(property, { numRuns: 400, seed: SEED });
  t.throws(() => decodeDomainSettings(Buffer.concat([seed, Buffer.from('x')])), { message: /more octets/ });
  t.throws(() => decodeDomainSettings(Buffer.from([9, 0])), { message: /unknown version/ });
  t.end();
});

void t.test('the manual page has every setting with what is allowed', (t) => {
  const page = describeDomainSettings();
  for (const [key, { type, description }] of Object.entries(DOMAIN_SETTINGS)) {
    t.match(page, `### ${key}\n`);
    t.ok(page.includes(type.allowed) && page.includes(description), key);
  }
  t.end();
});

function valueOf(text: string): Value {
  const parsed = parse(text);
  if (parsed.kind === 'bad') throw new Error(parsed.why);
  return parsed.value;
}

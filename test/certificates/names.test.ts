/** Names of certificates: RFC 9525. */
import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { NameIndex } from '../../src/certificates/name-index.ts';
import { certificateNames, hostName, namesDomain, wildcardOf } from '../../src/certificates/names.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { identityOf } from './bed.ts';

void t.test(
  'only subject alternative names count, and only those that are host names or addresses',
  async (t) => {
    const made = await identityOf({
      commonName: 'cn.example',
      names: [
        'A.Example',
        '*.a.example',
        'a.example',
        'f*.a.example',
        '*',
        'a..b',
        'x_y.example',
        'evil", DNS:b.example',
      ],
      ips: ['192.0.2.1', '2001:db8::1'],
      uris: ['https://u.example/'],
    });
    t.strictSame(certificateNames(new X509Certificate(made.der)), [
      'a.example',
      '*.a.example',
      'x_y.example',
      '192.0.2.1',
      '2001:db8::1',
    ]);
    // RFC 9525 section 2: the common name is no name of a server.
    const bare = await identityOf({ commonName: 'cn.example', names: [] });
    t.strictSame(certificateNames(new X509Certificate(bare.der)), []);
  },
);

void t.test('names that clients ask for', (t) => {
  for (const [asked, name] of [
    ['a.example', 'a.example'],
    ['A.EXAMPLE.', 'a.example'],
    ['localhost', 'localhost'],
    ['*.a.example', undefined],
    ['a b', undefined],
    ['', undefined],
    ['.', undefined],
    ['x'.repeat(64), undefined],
    [`${'x.'.repeat(127)}x`, undefined],
    ['__proto__', '__proto__'],
  ] as const)
    t.equal(hostName(asked), name, asked);
  t.equal(wildcardOf('a.b.example'), '*.b.example');
  t.equal(wildcardOf('localhost'), undefined);
  t.ok(namesDomain(['mail.a.example'], 'a.example'));
  t.ok(namesDomain(['*.a.example'], 'a.example'));
  t.ok(namesDomain(['*.a.example'], 'b.a.example'));
  t.notOk(namesDomain(['*.a.example'], 'c.b.a.example'));
  t.notOk(namesDomain(['nota.example', 'example'], 'a.example'));
  t.end();
});

const entry = (id: number, domain: string, ...names: string[]) => ({ id: id as DomainId, domain, names });

void t.test('RFC 9525 section 6.3: exactly, or by a wildcard for exactly one label', (t) => {
  const index = new NameIndex();
  const [plain, wild] = [
    entry(1, 'a.example', 'a.example', 'mail.a.example'),
    entry(2, 'a.example', '*.a.example'),
  ];
  index.add(plain);
  index.add(wild);
  const cases: readonly (readonly [string, unknown])[] = [
    ['a.example', plain],
    ['MAIL.a.example', plain],
    ['imap.a.example', wild],
    ['x.imap.a.example', undefined],
    ['example', undefined],
    ['toString', undefined],
    ['*.a.example', undefined],
  ];
  for (const [name, found] of cases) t.equal(index.find(name), found, name);
  index.remove(plain);
  t.equal(index.find('mail.a.example'), wild);
  t.end();
});

void t.test('nor by naming it exactly where that one has a wildcard', (t) => {
  const index = new NameIndex();
  const evil = entry(1, 'evil.example', 'mail.victim.example', 'evil.example');
  const victim = entry(2, 'victim.example', '*.victim.example');
  const host = entry(3, 'mail.victim.example', 'mail.victim.example');
  for (const each of [evil, victim]) index.add(each);
  t.equal(index.find('mail.victim.example'), victim);
  t.equal(index.find('evil.example'), evil);
  index.add(host);
  t.equal(index.find('mail.victim.example'), host, 'the domain of that very name goes first');
  index.remove(host);
  index.remove(victim);
  t.equal(index.find('mail.victim.example'), evil, 'nobody else has one');
  t.end();
});

void t.test('no domain takes a name of another one that has a certificate for it', (t) => {
  const all = [
    entry(1, 'other.example', 'mail.a.example', '*.a.example'),
    entry(4, 'a.example', 'mail.a.example', '*.a.example'),
    entry(5, 'mail.a.example', 'mail.a.example'),
    entry(3, 'third.example', 'mail.a.example'),
  ];
  const property = fc.property(fc.shuffledSubarray(all, { minLength: 4 }), (order) => {
    const index = new NameIndex();
    for (const each of order) index.add(each);
    const found = [index.find('mail.a.example'), index.find('x.a.example')];
    index.remove(all[2]!);
    found.push(index.find('mail.a.example'));
    index.remove(all[1]!);
    found.push(index.find('mail.a.example'));
    return found.map((each) => each?.id).join() === '5,4,4,1';
  });
  fc.assert(property, { seed: 9 });
  t.end();
});

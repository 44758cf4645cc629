/** Addresses and their stored form. */
import fc from 'fast-check';
import t from 'tap';
import { domainName, localPart, splitAddress } from '../../src/directory/address.ts';

void t.test('local parts', async (t) => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['Joe', 'joe'],
    ['joe.smith', 'joe.smith'],
    ['"joe"', 'joe'],
    ['"jo\\e"', 'joe'],
    ["o'brien+x=y", "o'brien+x=y"],
    ['Mu\u0308ller', 'm\u00fcller'],
    ['a/b', 'a/b'],
    ['', undefined],
    ['""', undefined],
    ['"a', undefined],
    ['"a"b"', undefined],
    ['"a\\"', undefined],
    ['"a b"', undefined],
    ['a b', undefined],
    ['.a', undefined],
    ['a.', undefined],
    ['a..b', undefined],
    ['a@b', undefined],
    ['a\u0000b', undefined],
    ['a\u00a0b', undefined],
    ['a\u202eb', undefined],
    ['a\ud800', undefined],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), undefined], // RFC 5321 section 4.5.3.1.1
    ['\u00fc'.repeat(33), undefined],
  ];
  for (const [text, expected] of cases) t.equal(localPart(text), expected, JSON.stringify(text));
});

void t.test('domains', async (t) => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['One.Example', 'one.example'],
    ['b\u00fccher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['localhost', 'localhost'],
    ['a_b.example', 'a_b.example'],
    ['', undefined],
    ['a b', undefined],
    ['a..b', undefined],
    ['-a.example', undefined],
    ['a-.example', undefined],
    ['one.example.', undefined],
    ['[192.0.2.1]', undefined],
    ['192.0.2.1', undefined],
    ['a/b', undefined],
    ['a?b', undefined],
    ['a\uff0fb', undefined],
    ['../x', undefined],
    [`${'a'.repeat(64)}.example`, undefined],
    [Array.from({ length: 50 }, () => 'abcde').join('.'), undefined],
  ];
  for (const [text, expected] of cases) t.equal(domainName(text), expected, JSON.stringify(text));
});

void t.test('whole addresses', async (t) => {
  t.strictSame(splitAddress('Joe@One.Example'), { name: 'joe', domain: 'one.example' });
  for (const bad of [
    'joe',
    '@one.example',
    'joe@',
    '"a@b"@one.example',
    'joe@[1.2.3.4]',
    `${'x'.repeat(5000)}@a.b`,
  ])
    t.equal(splitAddress(bad), undefined, bad.slice(0, 30));
});

const SEED = 5321;
void t.test(`fuzz (seed ${SEED}): the stored form is stored as it is`, async (t) => {
  let found = 0;
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
    const name = localPart(text);
    const domain = domainName(text);
    if (name !== undefined) {
      found++;
      if (localPart(name) !== name || Buffer.byteLength(name) > 64) return false;
    }
    return domain === undefined || domainName(domain) === domain;
  });
  fc.assert(property, { numRuns: 500, seed: SEED });
  t.ok(found > 10, `${found} names`);
});

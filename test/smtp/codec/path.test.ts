import * as fc from 'fast-check';
import t from 'tap';
import { isAddressLiteral, isDomain, readPath } from '../../../src/smtp/codec/path.ts';

const GOOD: readonly (readonly [string, string])[] = [
  ['<>', ''],
  ['<a@b.example>', 'a@b.example'],
  ['<Postmaster>', 'Postmaster'],
  ['<a.b-c+d@b.example>', 'a.b-c+d@b.example'],
  ["<!#$%&'*+/=?^_`{|}~-@b.example>", "!#$%&'*+/=?^_`{|}~-@b.example"],
  ['<"a b"@b.example>', '"a b"@b.example'],
  ['<"a@b"@b.example>', '"a@b"@b.example'],
  ['<"a>\\"\\\\"@b.example>', '"a>\\"\\\\"@b.example'],
  ['<""@b.example>', '""@b.example'],
  ['<a@[192.0.2.1]>', 'a@[192.0.2.1]'],
  ['<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]'],
  ['<a@[x-tag:what ever]>'.replace(' ', ''), 'a@[x-tag:whatever]'],
  ['<@x.example,@y.example:a@b.example>', 'a@b.example'],
  ['<j\u00f6@b\u00fccher.example>', 'j\u00f6@b\u00fccher.example'],
  ['<a@localhost>', 'a@localhost'],
  [
    `<${'l'.repeat(64)}@${`${'d'.repeat(60)}.`.repeat(3)}ee>`,
    `${'l'.repeat(64)}@${`${'d'.repeat(60)}.`.repeat(3)}ee`,
  ],
];

const BAD = [
  '',
  'a@b.example',
  '<',
  '<a@b.example',
  '<a@>',
  '<@b.example>',
  '<a@b.example>x'.slice(0, -2),
  '<a b@b.example>',
  '<.a@b.example>',
  '<a.@b.example>',
  '<a..b@b.example>',
  '<a@b..example>',
  '<a@.example>',
  '<a@b.example.>',
  '<a@-b.example>',
  '<a@b-.example>',
  '<a@b_.exa mple>',
  '<a@b@c.example>',
  '<"a@b.example>',
  '<"a"b@b.example>',
  '<a@[192.0.2.256]>',
  '<a@[IPv6:zz]>',
  '<a@[]>',
  '<@x.example>',
  '<@x.example:>',
  '<@x.example;@y.example:a@b.example>',
  '<<a@b.example>>',
  `<a@${'d'.repeat(64)}.example>`,
  `<${'l'.repeat(123)}@${`${'d'.repeat(60)}.`.repeat(2)}example.org>`,
];

void t.test('RFC 5321 section 4.1.2, RFC 6531 section 3.3: paths', (t) => {
  for (const [text, address] of GOOD)
    t.strictSame(readPath(`TO:${text} X`, 3), { kind: 'value', value: address, next: 3 + text.length }, text);
  for (const text of BAD) t.equal(readPath(text, 0).kind, 'bad', text);
  t.end();
});

void t.test('domains and address literals', (t) => {
  t.ok(['a', 'a.b', 'a-b.c', '1.2', '_dmarc.x', '\u00fc.example'].every(isDomain));
  t.notOk(['', '.', 'a.', '-a', 'a b', '[1.2.3.4]', `${'a.'.repeat(130)}a`].some(isDomain));
  t.ok(['[1.2.3.4]', '[IPv6:::1]', '[ipv6:2001:db8::1]', '[tag:x]'].every(isAddressLiteral));
  t.notOk(['1.2.3.4', '[1.2.3]', '[IPv6:1.2.3.4]', '[tag:x y]', '[::1]'].some(isAddressLiteral));
  t.end();
});

void t.test('fuzz: any text is a path or is none, and what was read is in it; never slow', (t) => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '@',
    '"',
    '\\',
    '.',
    ':',
    ',',
    '[',
    ']',
    'a',
    'IPv6:',
    '1.2.3.4',
    '\u00e9',
    '\u{1f600}',
    ' ',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 40 }).map((all) => `<${all.join('')}`),
      ),
      (text) => {
        const read = readPath(text, 0);
        return (
          read.kind === 'bad' ||
          (read.kind === 'value' && text.slice(0, read.next).endsWith(`${read.value}>`))
        );
      },
    ),
    { numRuns: 500, seed: 2 },
  );
  const started = process.hrtime.bigint();
  for (const text of [`<"${'\\"'.repeat(50_000)}`, `<${'a.'.repeat(50_000)}`, `<a@${'-'.repeat(100_000)}>`])
    readPath(text, 0);
  t.ok(process.hrtime.bigint() - started < 1_000_000_000n);
  t.end();
});

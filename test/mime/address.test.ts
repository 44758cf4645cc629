import assert from 'node:assert/strict';
import t from 'tap';
import { parseAddresses } from '../../src/mime/address.ts';
import { ADDRESSES_MAX } from '../../src/mime/limits.ts';
import { mutate, seeded } from './seeded.ts';

/** name|route|mailbox|host, `-` for NIL. */
function shown(value: string): string[] {
  return parseAddresses(value).map(({ name, route, mailbox, host }) =>
    [name, route, mailbox, host].map((part) => part ?? '-').join('|'),
  );
}

const TABLE: readonly (readonly [value: string, addresses: readonly string[]])[] = [
  ['joe@example.com', ['-|-|joe|example.com']],
  ['Joe Q. Public <john.q.public@example.com>', ['Joe Q. Public|-|john.q.public|example.com']],
  ['"Joe, \\"Q\\"" <a@b>', ['Joe, "Q"|-|a|b']],
  ['a@b, c@d', ['-|-|a|b', '-|-|c|d']],
  ['joe@x (Joe)', ['Joe|-|joe|x']],
  ['(Joe) joe@x', ['Joe|-|joe|x']],
  ['<joe@x> (Joe (nested) \\))', ['Joe (nested) )|-|joe|x']],
  ['=?utf-8?q?J=C3=B6?= <j@x>', ['=?utf-8?q?J=C3=B6?=|-|j|x']],
  // RFC 5322 appendix A.1.3 and A.3
  [
    'A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;',
    ['-|-|A Group|-', 'Ed Jones|-|c|a.test', '-|-|joe|where.test', 'John|-|jdoe|one.test', '-|-|-|-'],
  ],
  ['Undisclosed recipients:;', ['-|-|Undisclosed recipients|-', '-|-|-|-']],
  ['A:a@b', ['-|-|A|-', '-|-|a|b', '-|-|-|-']],
  // RFC 5322 section 4.4: routes, empty elements, white space around dots
  ['<@one,@two:joe@three>', ['-|@one,@two|joe|three']],
  [', ,a@b,,', ['-|-|a|b']],
  ['john . doe @ example . com', ['-|-|john.doe|example.com']],
  ['"john doe"@x', ['-|-|john doe|x']],
  ['joe@[192.0.2.1]', ['-|-|joe|[192.0.2.1]']],
  // Broken
  ['joe', ['-|-|joe|MISSING_DOMAIN']],
  ['Joe <joe>', ['Joe|-|joe|MISSING_DOMAIN']],
  ['<>', ['-|-||MISSING_DOMAIN']],
  ['Joe <joe@x', ['Joe|-|joe|x']],
  ['"Joe <joe@x>', ['-|-|Joe <joe@x>|MISSING_DOMAIN']],
  ['joe@', ['-|-|joe|MISSING_DOMAIN']],
  ['@x', ['-|-||x']],
  ['a@b c@d, e@f', ['-|-|a|b', '-|-|e|f']],
  ['', []],
  ['()', []],
];

for (const [value, addresses] of TABLE)
  void t.test(JSON.stringify(value), async (t) => {
    t.strictSame(shown(value), addresses);
  });

void t.test('the number of addresses is limited', async (t) => {
  t.equal(parseAddresses('a@b,'.repeat(ADDRESSES_MAX + 10)).length, ADDRESSES_MAX);
});

void t.test('fuzz: ends, and never says that a group begins where none does', async (t) => {
  const seed = 20260909;
  const random = seeded(seed);
  for (let run = 0; run < 2000; run++) {
    const [value] = TABLE[random.below(TABLE.length)]!;
    const mutated = mutate(Buffer.from(value), random, [
      '"',
      '(',
      ')',
      '<',
      '>',
      '@',
      ':',
      ';',
      ',',
      '\\',
      '[',
    ]);
    let groups = 0;
    for (const { mailbox, host } of parseAddresses(mutated.toString('latin1'))) {
      if (host === undefined) groups += mailbox === undefined ? -1 : 1;
      assert.ok(groups === 0 || groups === 1, `seed ${seed} run ${run}: ${mutated.toString()}`);
    }
    assert.equal(groups, 0, `seed ${seed} run ${run}: ${mutated.toString()}`);
  }
  t.pass(`seed ${seed}`);
});

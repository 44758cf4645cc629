/** Flags of requests (RFC 9051 section 2.3.2). */
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import { combine, parseFlags, systemFlags } from '../../../src/store/account/flags.ts';
import { ACCOUNT_LIMITS } from '../../../src/store/account/limits.ts';

const LIMITS = { ...ACCOUNT_LIMITS, keywordsPerMessageMax: 2, keywordOctetsMax: 5 };

function outcome(flags: readonly string[]): unknown {
  try {
    return parseFlags(flags, LIMITS);
  } catch (error) {
    return failureCode(error);
  }
}

void t.test('a request has flags or is refused', async (t) => {
  const table: readonly (readonly [string[], unknown])[] = [
    [[], { bits: 0, keywords: [] }],
    [['\\Seen', '\\SEEN', '\\answered'], { bits: 9, keywords: [] }],
    [['\\Deleted', '\\Flagged', '\\Draft'], { bits: 22, keywords: [] }],
    [['Work', 'WORK', '$x'], { bits: 0, keywords: ['Work', '$x'] }],
    [["!#$&'"], { bits: 0, keywords: ["!#$&'"] }],
    [['+-.~}'], { bits: 0, keywords: ['+-.~}'] }],
    [['\\Recent'], 'invalid'],
    [['\\Foo'], 'invalid'],
    [['\\'], 'invalid'],
    [[''], 'invalid'],
    ...['a b', 'a(', 'a)', 'a{', 'a%', 'a*', 'a"', 'a\\', 'a]', 'a\r', '\u00e9', 'a\u007f'].map(
      (keyword) => [[keyword], 'invalid'] as const,
    ),
    [['a', 'b', 'c'], 'limit'],
    [['abcdef'], 'limit'],
  ].map(([given, expected]) => [given as string[], expected] as const);
  for (const [given, expected] of table) t.same(outcome(given), expected, JSON.stringify(given));
});

void t.test('STORE adds, removes and replaces (RFC 9051 section 6.4.6)', async (t) => {
  const old = { bits: 8, keywords: ['Work', 'home'] };
  t.same(combine(old, 'add', { bits: 1, keywords: ['WORK', 'new'] }), {
    bits: 9,
    keywords: ['Work', 'home', 'new'],
  });
  t.same(combine(old, 'remove', { bits: 9, keywords: ['HOME', 'x'] }), { bits: 0, keywords: ['Work'] });
  t.same(combine(old, 'replace', { bits: 4, keywords: [] }), { bits: 4, keywords: [] });
});

void t.test('system flags by bit', async (t) => {
  t.same(systemFlags(31), ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']);
  t.same(systemFlags(0), []);
});

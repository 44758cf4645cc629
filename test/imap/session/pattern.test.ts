/** Patterns of LIST: by examples, against a slow but plain reading of the same rules, and at their limits. */
import fc from 'fast-check';
import t from 'tap';
import { compilePattern } from '../../../src/imap/session/pattern.ts';

const TABLE: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
  ['*', 'a/b/c', true],
  ['%', 'a', true],
  ['%', 'a/b', false],
  ['%/%', 'a/b', true],
  ['a*c', 'a/b/c', true],
  ['a%c', 'a/b/c', false],
  ['a*', 'a', true],
  ['a%%*%', 'a/b', true],
  ['', '', true],
  ['', 'a', false],
  ['inbox', 'INBOX', true],
  ['InB%', 'INBOX', true],
  ['inbox/x', 'INBOX/x', true],
  ['foo', 'FOO', false],
  ['😀%', '😀x', true],
  ['%😀', 'x😀', true],
  ['a.c', 'abc', false],
  ['(a+)+$', 'aaaa', false],
];

for (const [pattern, name, matches] of TABLE)
  void t.test(`${pattern} and ${name}`, async (t) => t.equal(compilePattern(pattern)(name), matches));

/** RFC 3501 section 6.3.8, word for word. */
function plainly(pattern: string, name: string): boolean {
  if (pattern === '') return name === '';
  const [wish, rest] = [pattern[0]!, pattern.slice(1)];
  if (wish !== '*' && wish !== '%') return name[0] === wish && plainly(rest, name.slice(1));
  for (let taken = 0; taken <= name.length; taken++) {
    if (wish === '%' && name.slice(0, taken).includes('/')) return false;
    if (plainly(rest, name.slice(taken))) return true;
  }
  return false;
}

void t.test('as the standard says it', async () => {
  const text = (letters: string, maxLength: number) =>
    fc.array(fc.constantFrom(...letters.split('')), { maxLength }).map((list) => list.join(''));
  fc.assert(
    fc.property(
      text('ab/*%', 8),
      text('ab/', 8),
      (pattern, name) => compilePattern(pattern)(name) === plainly(pattern, name),
    ),
    { numRuns: 500 },
  );
});

void t.test('a pattern that no name can have costs nothing, and a bad one little', async (t) => {
  t.equal(compilePattern(`${'a*'.repeat(30_000)}b`)('a'.repeat(1000)), false);
  const startMs = performance.now();
  t.equal(compilePattern(`${'*a'.repeat(500)}*b`)('a'.repeat(1000)), false);
  t.ok(performance.now() - startMs < 500);
});

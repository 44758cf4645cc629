/** Names of mailboxes (RFC 9051 section 5.1, RFC 5198 section 2). */
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import { ACCOUNT_LIMITS } from '../../../src/store/account/limits.ts';
import { canonicalName, isInferior, newName, superiors } from '../../../src/store/account/names.ts';

const LIMITS = { ...ACCOUNT_LIMITS, nameOctetsMax: 40, componentOctetsMax: 20, depthMax: 3 };

function outcome(name: string): string {
  try {
    return newName(name, LIMITS);
  } catch (error) {
    return `! ${failureCode(error)}`;
  }
}

const CASES: readonly (readonly [given: string, outcome: string])[] = [
  ['Sent', 'Sent'],
  ['inbox', 'INBOX'],
  ['iNbOx/Lists', 'INBOX/Lists'],
  ['Inboxes', 'Inboxes'],
  ['a/inbox', 'a/inbox'],
  // A dotless i is another letter, whatever toUpperCase makes of it.
  ['ınbox', 'ınbox'],
  ['Cafe\u0301', 'Caf\u00e9'],
  ['\u6d4b\u8bd5/\u{1f4ec}', '\u6d4b\u8bd5/\u{1f4ec}'],
  ['a b', 'a b'],
  ['a%b*', 'a%b*'],
  ['..', '..'],
  ['', '! invalid'],
  ['/', '! invalid'],
  ['/a', '! invalid'],
  ['a/', '! invalid'],
  ['a//b', '! invalid'],
  ['a\u0000', '! invalid'],
  ['a\r\nb', '! invalid'],
  ['\u007f', '! invalid'],
  ['\u0085', '! invalid'],
  ['\u2028', '! invalid'],
  ['\ud800', '! invalid'],
  ['a/b/c', 'a/b/c'],
  ['a/b/c/d', '! limit'],
  ['a'.repeat(20), 'a'.repeat(20)],
  ['a'.repeat(21), '! limit'],
  ['\u00e9'.repeat(10), '\u00e9'.repeat(10)],
  ['\u00e9'.repeat(11), '! limit'],
  [`${'a'.repeat(20)}/${'b'.repeat(19)}`, `${'a'.repeat(20)}/${'b'.repeat(19)}`],
  [`${'a'.repeat(20)}/${'b'.repeat(20)}`, '! limit'],
];

void t.test('a name is made canonical or refused', async (t) => {
  // Not named by what is given: a line separator in it breaks the reporter's lines.
  for (const [number, [given, expected]] of CASES.entries())
    t.equal(outcome(given), expected, `case ${number}`);
});

void t.test('superior and inferior names', async (t) => {
  t.same(superiors('a'), []);
  t.same(superiors('a/b/c'), ['a', 'a/b']);
  t.ok(isInferior('a/b/c', 'a'));
  t.notOk(isInferior('ab', 'a'));
  t.notOk(isInferior('a', 'a'));
});

void t.test('a canonical name stays as it is, and a name that is allowed is canonical', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (given) => {
      const name = canonicalName(given);
      if (canonicalName(name) !== name) throw new Error(`${name} changes again`);
      const made = outcome(given);
      if (!made.startsWith('! ') && made !== name) throw new Error(`${made} is not ${name}`);
    }),
    { numRuns: 300 },
  );
});

/** What a person may choose as a password, and what is tried first by whoever guesses. */
import fc from 'fast-check';
import t from 'tap';
import { newPassword, PASSWORD_OCTETS_MIN } from '../../src/login/passwords.ts';
import { PASSWORD_OCTETS_MAX } from '../../src/login/scram.ts';

void t.test('good ones', (t) => {
  for (const good of [
    'correct horse battery',
    'k7#Tq9!vLm',
    'Zwölf Boxkämpfer',
    'пароль от почты',
    'monkey8302948173',
    'tr0ub4dor&3x',
    'four little ducks',
    'aaaa bbbb cccc d',
    '\u{1f404}\u{1f40e}\u{1f416} x\u{1f411}',
    'x'.repeat(1020) + 'abcd',
  ])
    t.equal(newPassword(good), undefined, good.slice(0, 40));
  t.end();
});

void t.test('too short, too long, no text', (t) => {
  for (const [bad, why] of [
    ['', /at least 10 octets/],
    ['k7#Tq9!vL', /at least 10 octets/],
    ['x'.repeat(PASSWORD_OCTETS_MAX + 1), /at most 1024 octets/],
    ['k7#Tq9!\u0007vLm', /control characters/],
  ] as const)
    t.match(newPassword(bad), why, JSON.stringify(bad.slice(0, 20)));
  t.equal(newPassword('пароK!'), undefined, 'octets are counted, not letters');
  t.equal(PASSWORD_OCTETS_MIN, 10);
  t.end();
});

void t.test('common ones, and what people make of them', (t) => {
  for (const common of [
    // From the list.
    'password123',
    'Password123',
    'qwertyuiop',
    '1q2w3e4r5t',
    '1234567890',
    // A common word with something around it.
    'Password2024',
    'P@ssw0rd2024!',
    'passw0rd!!!!',
    '!!!!welcome1',
    'sunshine2023',
    'Monkey123456',
    'ⅿonkey123456',
    'passwordpassword',
    'letmeinletmein',
    // Patterns.
    'aaaaaaaaaa',
    'ababababab',
    'abcabcabcabc',
    'abc123abc123',
    '0987654321',
    'abcdefghijkl',
    'qwertyuiopasdfghjkl',
    'asdfghjkl123',
    'zxcvbnm12345',
    '1111111111111111',
    '123123123123',
    '12345678901234567890',
  ])
    t.match(newPassword(common), /tried first/, common);
  t.end();
});

const SEED = 80063;
void t.test(`what is made at random passes, in no time however long (seed ${SEED})`, (t) => {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...alphabet.split('')), { minLength: 14, maxLength: 20 }),
      (letters) =>
        newPassword(letters.join('')) === undefined ||
        new Set(letters.map((each) => each.toLowerCase())).size < 4,
    ),
    { numRuns: 300, seed: SEED },
  );
  // The worst there is for patterns: nearly periodic, nearly runs, of the longest kind.
  for (const piece of ['a', 'ab', '1234567890', 'qwertyuiop', '!', 'é']) {
    const long = piece.repeat(PASSWORD_OCTETS_MAX).slice(0, 500);
    const startMs = performance.now();
    newPassword(`${long}x`);
    newPassword(`x${long}`);
    t.ok(performance.now() - startMs < 250, piece);
  }
  t.end();
});

/** PLAIN (RFC 4616) and LOGIN. */
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { decodeBase64 } from '../../src/sasl/base64.ts';
import { readPlain } from '../../src/sasl/plain.ts';
import { RESPONSE_OCTETS_MAX } from '../../src/sasl/responses.ts';
import { OneAccount, PASSWORD, play } from './bed.ts';

void t.test('a message of PLAIN: RFC 4616 section 2', (t) => {
  const cases: readonly (readonly [string | Buffer, unknown])[] = [
    ['\0tim\0tanstaaftanstaaf', { authzid: '', authcid: 'tim', password: 'tanstaaftanstaaf' }],
    ['Ursel\0Kurt\0xipj3plmq', { authzid: 'Ursel', authcid: 'Kurt', password: 'xipj3plmq' }],
    ['\0jöe\0päß wörd', { authzid: '', authcid: 'jöe', password: 'päß wörd' }],
    [`\0${'n'.repeat(255)}\0${'p'.repeat(255)}`, { password: 'p'.repeat(255) }],
    ['', undefined],
    ['\0', undefined],
    ['\0joe', undefined],
    ['\0\0password', undefined],
    ['\0joe\0', undefined],
    ['\0joe\0pass\0word', undefined],
    [Buffer.from([0, 0x6a, 0xff, 0, 0x70]), undefined],
    [`\0joe\0${'p'.repeat(RESPONSE_OCTETS_MAX)}`, undefined],
  ];
  for (const [message, expected] of cases)
    if (expected === undefined)
      t.equal(readPlain(Buffer.from(message)), undefined, JSON.stringify(message).slice(0, 60));
    else t.match(readPlain(Buffer.from(message)), expected);
  t.end();
});

const SEED = 4616;
void t.test(`fuzz: what is read is written again as it was (seed ${SEED})`, (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.nat(40), { maxLength: 3 }), (octets, nuls) => {
      const message = Buffer.from(octets);
      for (const at of nuls) if (at < message.length) message[at] = 0;
      const read = readPlain(message);
      if (read === undefined) return true;
      return message.equals(Buffer.from(`${read.authzid}\0${read.authcid}\0${read.password}`));
    }),
    { numRuns: 500, seed: SEED },
  );
  t.end();
});

void t.test('PLAIN, with and without an initial response', async (t) => {
  const message = `\0joe\0${PASSWORD}`;
  t.strictSame(await play('PLAIN', [message]), { outcome: 'joe@one.example', challenges: [''] });
  const initialResponse = Buffer.from(message);
  t.strictSame(await play('PLAIN', [], { initialResponse }), { outcome: 'joe@one.example', challenges: [] });
  t.strictSame(await play('PLAIN', [], { initialResponse: Buffer.alloc(0) }), {
    outcome: 'invalid',
    challenges: [],
  });
  t.equal((await play('PLAIN', ['CANCEL'])).outcome, 'cancelled');
  t.equal((await play('PLAIN', ['\0joe\0wrong password'])).outcome, 'refused');
});

void t.test('nobody acts for another', async (t) => {
  const as = async (authzid: string) => (await play('PLAIN', [`${authzid}\0joe\0${PASSWORD}`])).outcome;
  t.equal(await as('joe'), 'joe@one.example', 'the name that logged in');
  t.equal(await as('joe@one.example'), 'joe@one.example', 'what that name stands for');
  t.equal(await as('ann'), 'refused');
  t.equal(await as('postmaster'), 'refused');
});

void t.test('the failures of the authenticator come through', async (t) => {
  for (const code of ['unavailable', 'limit'] as const) {
    const authenticator = new OneAccount();
    authenticator.failure = new Failure(code, 'x');
    for (const mechanism of ['PLAIN', 'LOGIN', 'SCRAM-SHA-256'])
      t.equal(
        (
          await play(
            mechanism,
            [mechanism === 'PLAIN' ? '\0joe\0x' : mechanism === 'LOGIN' ? 'joe' : 'n,,n=joe,r=x', 'x'],
            { authenticator },
          )
        ).outcome,
        code,
        mechanism,
      );
  }
});

void t.test('LOGIN, in the forms that mail programs have', async (t) => {
  const both = { outcome: 'joe@one.example', challenges: ['Username:', 'Password:'] };
  t.strictSame(await play('LOGIN', ['joe', PASSWORD]), both);
  t.strictSame(
    await play('LOGIN', ['joe', PASSWORD], { initialResponse: Buffer.alloc(0) }),
    both,
    'an empty one is none',
  );
  t.strictSame(await play('LOGIN', [PASSWORD], { initialResponse: Buffer.from('joe') }), {
    outcome: 'joe@one.example',
    challenges: ['Password:'],
  });
  const cases: readonly (readonly [readonly (string | Buffer)[], string])[] = [
    [['', PASSWORD], 'invalid'],
    [['joe', ''], 'invalid'],
    [['joe\0', PASSWORD], 'invalid'],
    [['joe', 'a\0b'], 'invalid'],
    [[Buffer.from([0xff]), PASSWORD], 'invalid'],
    [['x'.repeat(RESPONSE_OCTETS_MAX + 1), PASSWORD], 'invalid'],
    [['joe', 'wrong'], 'refused'],
    [['CANCEL'], 'cancelled'],
    [['joe', 'CANCEL'], 'cancelled'],
  ];
  for (const [answers, expected] of cases)
    t.equal((await play('LOGIN', answers)).outcome, expected, JSON.stringify(answers).slice(0, 60));
});

void t.test('base64 is read in its one form', (t) => {
  for (const good of ['', 'TQ==', 'TWE=', 'TWFu', '+/+/'])
    t.equal(decodeBase64(good)?.toString('base64'), good);
  for (const bad of ['T', 'TQ', 'TQ=', 'TR==', 'TWF', 'TWFu=', 'T W=', '-_-_', 'TQ==TQ==', 'TWFu\n', '='])
    t.equal(decodeBase64(bad), undefined, JSON.stringify(bad));
  t.end();
});

/**
 * SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677) against a client of its own making: the rules on channel binding, every
 * mistake a client can make, and what it is told.
 */

import { pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { checkProof, scramKeys } from '../../src/login/scram.ts';
import type { Random } from '../../src/platform/platform.ts';
import type { SaslOptions } from '../../src/sasl/types.ts';
import { type Answer, ATTEMPT, JOE, OneAccount, play, ScramClient, TLS_12, TLS_13 } from './bed.ts';

const PLAIN_SCRAM = 'SCRAM-SHA-256';
const PLUS = 'SCRAM-SHA-256-PLUS';
const DONE = 'joe@one.example';

/** The example of RFC 7677 section 3. */
const EXAMPLE = {
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  final:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

void t.test('the example of RFC 7677 section 3, to the octet', async (t) => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const keys = scramKeys(pbkdf2Sync('pencil', salt, 4096, 32, 'sha256'), salt, 4096);
  // The nonce of the example is no base64; what `random` gives is written as it has it.
  const nonce = Object.assign(Buffer.alloc(0), { toString: () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' });
  const random: Random = { bytes: () => nonce, below: () => 0 };
  const authenticator = {
    verifyPassword: () => Promise.reject(new Error('no password in SCRAM')),
    beginScram: async (login: string) => {
      t.equal(login, 'user');
      return {
        salt,
        iterations: 4096,
        verify: async (authMessage: string, proof: Buffer) => {
          const serverSignature = checkProof(keys, authMessage, proof);
          if (serverSignature === undefined) throw new Failure('refused', 'wrong');
          return { who: JOE, serverSignature };
        },
      };
    },
  };
  const options = { initialResponse: Buffer.from(EXAMPLE.first), authenticator, random };
  const played = await play(PLAIN_SCRAM, [EXAMPLE.final, ''], options);
  t.strictSame(played, { outcome: DONE, challenges: [EXAMPLE.serverFirst, EXAMPLE.serverFinal] });
});

void t.test('with and without initial response, and by each name', async (t) => {
  for (const user of ['joe', 'joe@one.example']) {
    const client = new ScramClient({ user });
    const played = await play(PLAIN_SCRAM, [client.first, client.final, client.check]);
    t.equal(played.outcome, DONE);
    t.equal(played.challenges[0], '');
    t.ok(client.serverIsGenuine, 'the server knows the key too');
    const initialResponse = Buffer.from(client.first);
    t.equal((await play(PLAIN_SCRAM, [client.final, client.check], { initialResponse })).outcome, DONE);
  }
});

void t.test('names are written with =2C and =3D', async (t) => {
  const authenticator = new OneAccount();
  const client = new ScramClient({ user: 'a,b=c' });
  t.match(client.first, 'n=a=2Cb=3Dc');
  t.equal((await play(PLAIN_SCRAM, [client.first, client.final], { authenticator })).outcome, 'refused');
  t.strictSame(authenticator.asked, ['a,b=c']);
});

void t.test('a wrong password and a name that leads nowhere are told the same', async (t) => {
  for (const options of [{ password: 'wrong password' }, { user: 'ghost' }]) {
    const client = new ScramClient(options);
    const played = await play(PLAIN_SCRAM, [client.first, client.final, '']);
    t.equal(played.outcome, 'refused');
    t.equal(played.challenges.at(-1), 'e=invalid-proof');
  }
});

void t.test('channel binding, by the rules of RFC 5802 section 6', async (t) => {
  const exporter = TLS_13.exporter!;
  const endPoint = TLS_13.serverEndPoint!;
  const bound = { header: 'p=tls-exporter,,', binding: exporter };
  const cases: readonly (Partial<SaslOptions> & {
    readonly name: string;
    readonly mechanism: string;
    readonly client: ConstructorParameters<typeof ScramClient>[0];
    readonly expected: string;
    readonly error?: string;
  })[] = [
    { name: 'tls-exporter', mechanism: PLUS, tls: TLS_13, client: bound, expected: DONE },
    {
      name: 'tls-server-end-point, TLS 1.3',
      mechanism: PLUS,
      tls: TLS_13,
      client: { header: 'p=tls-server-end-point,,', binding: endPoint },
      expected: DONE,
    },
    {
      name: 'RFC 5802 section 6.1: no binding at TLS 1.2, where clients expect tls-unique',
      mechanism: PLUS,
      tls: TLS_12,
      client: { header: 'p=tls-server-end-point,,', binding: endPoint },
      expected: 'invalid',
    },
    {
      name: 'tls-unique',
      mechanism: PLUS,
      tls: TLS_13,
      client: { header: 'p=tls-unique,,', binding: exporter },
      expected: 'invalid',
      error: 'unsupported-channel-binding-type',
    },
    {
      name: 'somebody in between has a channel of his own',
      mechanism: PLUS,
      tls: TLS_13,
      client: { ...bound, binding: Buffer.alloc(32, 9) },
      expected: 'refused',
      error: 'channel-bindings-dont-match',
    },
    {
      name: 'the data of another type',
      mechanism: PLUS,
      tls: TLS_13,
      client: { ...bound, binding: endPoint },
      expected: 'refused',
      error: 'channel-bindings-dont-match',
    },
    {
      name: '-PLUS without binding',
      mechanism: PLUS,
      tls: TLS_13,
      client: { header: 'n,,' },
      expected: 'refused',
      error: 'channel-bindings-dont-match',
    },
    {
      name: 'binding without -PLUS',
      mechanism: PLAIN_SCRAM,
      tls: TLS_13,
      client: bound,
      expected: 'invalid',
      error: 'channel-binding-not-supported',
    },
    {
      name: 'y: somebody took -PLUS out of the list',
      mechanism: PLAIN_SCRAM,
      tls: TLS_13,
      client: { header: 'y,,' },
      expected: 'refused',
      error: 'server-does-support-channel-binding',
    },
    { name: 'y, and there is none', mechanism: PLAIN_SCRAM, client: { header: 'y,,' }, expected: DONE },
    {
      name: 'y: it could, and -PLUS is not offered at TLS 1.2',
      mechanism: PLAIN_SCRAM,
      tls: TLS_12,
      client: { header: 'y,,' },
      expected: DONE,
    },
    {
      name: 'n: the client cannot',
      mechanism: PLAIN_SCRAM,
      tls: TLS_13,
      client: { header: 'n,,' },
      expected: DONE,
    },
  ];
  for (const { name, mechanism, client: made, expected, error, ...options } of cases) {
    const client = new ScramClient(made);
    const played = await play(mechanism, [client.first, client.final, client.check], options);
    t.equal(played.outcome, expected, name);
    if (error !== undefined) t.equal(played.challenges.at(-1), `e=${error}`, name);
    else if (expected === DONE) t.ok(client.serverIsGenuine, name);
    else t.strictSame(played.challenges, [], name);
  }
});

void t.test('the flag that was signed must be the flag that was sent', async (t) => {
  // Somebody changed `y` to `n` on the way: what the client signs says `y`.
  const client = new ScramClient({ header: 'y,,' });
  const played = await play(PLAIN_SCRAM, [client.first.replace(/^y/, 'n'), client.final, ''], {
    tls: TLS_13,
  });
  t.equal(played.outcome, 'refused');
  t.equal(played.challenges.at(-1), 'e=channel-bindings-dont-match');
});

void t.test('nobody acts for another', async (t) => {
  for (const [header, expected] of [
    ['n,a=joe,', DONE],
    ['n,a=joe@one.example,', DONE],
    ['n,a=ann,', 'refused'],
    ['n,a=a=2Cb,', 'refused'],
  ] as const) {
    const client = new ScramClient({ header });
    t.equal((await play(PLAIN_SCRAM, [client.first, client.final, client.check])).outcome, expected, header);
  }
});

void t.test('extensions: optional ones are passed over, others refused', async (t) => {
  const optional = new ScramClient({ extensions: ',x=y,z=äö' });
  t.equal((await play(PLAIN_SCRAM, [optional.first, optional.final, optional.check])).outcome, DONE);
  for (const first of ['n,,m=x,n=joe,r=abc', 'n,,n=joe,r=abc,m=x'])
    t.strictSame(await play(PLAIN_SCRAM, [first, '']), {
      outcome: 'invalid',
      challenges: ['', 'e=extensions-not-supported'],
    });
});

void t.test('first messages that break the grammar of RFC 5802 section 7', async (t) => {
  const cases: readonly (readonly [string | Buffer, string | undefined])[] = [
    ['', 'invalid-encoding'],
    ['n', 'invalid-encoding'],
    ['n,', 'invalid-encoding'],
    ['n,,', 'invalid-username-encoding'],
    ['x,,n=joe,r=abc', 'invalid-encoding'],
    ['N,,n=joe,r=abc', 'invalid-encoding'],
    ['p=,,n=joe,r=abc', 'invalid-encoding'],
    ['p,,n=joe,r=abc', 'invalid-encoding'],
    ['n,a=,n=joe,r=abc', 'invalid-encoding'],
    ['n,joe,n=joe,r=abc', 'invalid-encoding'],
    ['n,a=j=oe,n=joe,r=abc', 'invalid-username-encoding'],
    ['n,,n=,r=abc', 'invalid-username-encoding'],
    ['n,,n=j=oe,r=abc', 'invalid-username-encoding'],
    ['n,,n=j=2coe,r=abc', 'invalid-username-encoding'],
    ['n,,n=joe=,r=abc', 'invalid-username-encoding'],
    ['n,,r=abc,n=joe', 'invalid-username-encoding'],
    ['n,,n=joe', 'other-error'],
    ['n,,n=joe,r=', 'other-error'],
    ['n,,n=joe,r=a b', 'other-error'],
    ['n,,n=joe,r=ä', 'other-error'],
    [`n,,n=joe,r=${'x'.repeat(257)}`, 'other-error'],
    ['n,,n=joe,r=abc,', 'invalid-encoding'],
    ['n,,n=joe,r=abc,xy=z', 'invalid-encoding'],
    ['n,,n=joe,r=abc,x=', 'invalid-encoding'],
    ['n,,n=j\0e,r=abc', 'invalid-encoding'],
    // No text at all: there is nothing to answer in its own terms.
    [Buffer.from([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff]), undefined],
    [`n,,n=${'x'.repeat(5000)},r=abc`, undefined],
  ];
  for (const [message, error] of cases) {
    const played = await play(PLAIN_SCRAM, [message, '']);
    t.equal(played.outcome, 'invalid', JSON.stringify(message).slice(0, 60));
    t.strictSame(
      played.challenges.slice(1),
      error === undefined ? [] : [`e=${error}`],
      JSON.stringify(message).slice(0, 60),
    );
  }
});

void t.test('final messages that break it', async (t) => {
  const signed = (client: ScramClient, change: (text: string) => string) => (challenge: string) =>
    client.final(challenge, change);
  const cases: readonly (readonly [string, (client: ScramClient) => Answer, string, string])[] = [
    ['nothing', () => '', 'invalid', 'invalid-encoding'],
    ['no proof', () => 'c=biws,r=x', 'invalid', 'invalid-encoding'],
    ['an empty proof', () => 'c=biws,r=x,p=', 'invalid', 'invalid-encoding'],
    [
      'a proof that is no base64',
      (c) => (s) => c.final(s).replace(/p=.*/, 'p=***'),
      'invalid',
      'invalid-encoding',
    ],
    ['something behind the proof', (c) => (s) => `${c.final(s)},x=y`, 'invalid', 'invalid-encoding'],
    [
      'a header that is no base64',
      (c) => signed(c, (text) => text.replace('biws', 'biw')),
      'invalid',
      'invalid-encoding',
    ],
    ['an attribute that is none', (c) => signed(c, (text) => `${text},xy`), 'invalid', 'invalid-encoding'],
    [
      'an extension that must be understood',
      (c) => signed(c, (text) => `${text},m=x`),
      'invalid',
      'extensions-not-supported',
    ],
    ['no nonce', (c) => signed(c, (text) => text.replace(/r=.*/, 'x=y')), 'invalid', 'other-error'],
    [
      'its own nonce only',
      (c) => signed(c, (text) => text.replace(/(?<=awL).*/, '')),
      'invalid',
      'other-error',
    ],
    ['another nonce', (c) => signed(c, (text) => `${text}A`), 'invalid', 'other-error'],
    ['a short proof', (c) => (s) => c.final(s).replace(/p=.*/, 'p=AAAA'), 'refused', 'invalid-proof'],
    [
      'a long proof',
      (c) => (s) => `${c.final(s).replace(/=$/, '')}AAA`.replace(/p=.*/, `p=${'A'.repeat(64)}`),
      'refused',
      'invalid-proof',
    ],
  ];
  for (const [name, answer, outcome, error] of cases) {
    const client = new ScramClient();
    const played = await play(PLAIN_SCRAM, [client.first, answer(client), '']);
    t.equal(played.outcome, outcome, name);
    t.equal(played.challenges.at(-1), `e=${error}`, name);
  }
});

void t.test('nobody is in who does not confirm our signature', async (t) => {
  const client = new ScramClient();
  t.equal((await play(PLAIN_SCRAM, [client.first, client.final, 'CANCEL'])).outcome, 'cancelled');
  t.equal((await play(PLAIN_SCRAM, [client.first, client.final, 'x'])).outcome, 'invalid');
});

void t.test('who is told of an error may answer anything, or nothing', async (t) => {
  for (const last of ['', 'x', 'CANCEL'] as const) {
    const client = new ScramClient({ password: 'wrong password' });
    t.equal((await play(PLAIN_SCRAM, [client.first, client.final, last])).outcome, 'refused', last);
  }
});

void t.test('an exchange played again is worth nothing: the nonce is another', async (t) => {
  const client = new ScramClient();
  let final = '';
  const keep = (challenge: string): string => (final = client.final(challenge));
  t.equal((await play(PLAIN_SCRAM, [client.first, keep, client.check])).outcome, DONE);
  const again = await play(PLAIN_SCRAM, [client.first, final, ''], {
    random: { bytes: (n) => Buffer.alloc(n, 7), below: () => 0 },
  });
  t.equal(again.outcome, 'invalid');
});

void t.test('the limits come as such, without an e=: the protocol says when to try again', async (t) => {
  const client = new ScramClient();
  const authenticator = new OneAccount();
  const limited = (challenge: string): string => {
    authenticator.failure = new Failure('limit', 'too many');
    return client.final(challenge);
  };
  const played = await play(PLAIN_SCRAM, [client.first, limited, ''], { authenticator, attempt: ATTEMPT });
  t.equal(played.outcome, 'limit');
  t.notMatch(played.challenges.at(-1), /^e=/);
});

const SEED = 5802;
const PIECES = [
  'n',
  'y',
  'p=',
  'tls-exporter',
  ',',
  'a=',
  'n=joe',
  'r=',
  'abc',
  '=2C',
  '=',
  'm=x',
  'c=biws',
  'p=AAAA',
  '\0',
  'ä',
  'x=y',
];
void t.test(`fuzz: noise ends an exchange, and only that (seed ${SEED})`, async () => {
  const message = fc
    .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })), { maxLength: 8 })
    .map((all) => all.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.constantFrom('n,,n=joe,r=abc', ''),
      message,
      message,
      async (plus, good, first, final) => {
        const played = await play(plus ? PLUS : PLAIN_SCRAM, [good + first, final, ''], { tls: TLS_13 });
        return ['invalid', 'refused', 'cancelled'].includes(played.outcome);
      },
    ),
    { numRuns: 400, seed: SEED },
  );
});

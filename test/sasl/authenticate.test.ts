/** Which mechanisms a connection is offered, and that nothing else runs. */
import t from 'tap';
import { mechanisms } from '../../src/sasl/authenticate.ts';
import { ATTEMPT, OneAccount, PASSWORD, play, TLS_12, TLS_13 } from './bed.ts';

const PLUS = 'SCRAM-SHA-256-PLUS';
const REST = ['SCRAM-SHA-256', 'PLAIN', 'LOGIN'];
const MESSAGE = Buffer.from(`\0joe\0${PASSWORD}`);

void t.test(
  'offered, strongest first: -PLUS inside TLS 1.3 only, nothing where a password may not cross',
  (t) => {
    t.strictSame(mechanisms({ tls: undefined, passwordsAllowed: false }), []);
    t.strictSame(mechanisms({ tls: undefined, passwordsAllowed: true }), REST);
    t.strictSame(mechanisms({ tls: TLS_13, passwordsAllowed: true }), [PLUS, ...REST]);
    t.strictSame(mechanisms({ tls: TLS_12, passwordsAllowed: true }), REST, 'nothing to bind to');
    t.end();
  },
);

void t.test('a mechanism is named in any case, and must be one of those that are offered', async (t) => {
  const remote = { ...ATTEMPT, remoteHost: '192.0.2.7' };
  const cases = [
    { mechanism: 'PLAIN', expected: 'joe@one.example' },
    { mechanism: 'plain', expected: 'joe@one.example' },
    { mechanism: 'CRAM-MD5', expected: 'invalid' },
    { mechanism: '', expected: 'invalid' },
    { mechanism: PLUS, expected: 'invalid' },
    { mechanism: PLUS, tls: TLS_12, expected: 'invalid' },
    { mechanism: 'PLAIN', attempt: remote, expected: 'invalid' },
    { mechanism: 'PLAIN', attempt: remote, tls: TLS_12, expected: 'joe@one.example' },
  ];
  for (const { mechanism, expected, ...options } of cases) {
    const authenticator = new OneAccount();
    const played = await play(mechanism, [], { initialResponse: MESSAGE, authenticator, ...options });
    t.equal(played.outcome, expected, `${mechanism} ${JSON.stringify(options).slice(0, 40)}`);
    if (expected === 'invalid') t.strictSame(authenticator.asked, [], 'and no password was looked at');
  }
});

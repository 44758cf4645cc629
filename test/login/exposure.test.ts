/** Where a password may cross. */
import t from 'tap';
import { passwordsAllowed } from '../../src/login/exposure.ts';
import { TLS_12 } from '../sasl/bed.ts';

void t.test('inside TLS, and from this machine', (t) => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['127.0.0.1', true],
    ['127.8.9.10', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['192.0.2.7', false],
    ['::ffff:192.0.2.7', false],
    ['fe80::1', false],
    ['2001:db8::1', false],
    ['128.0.0.1', false],
  ];
  for (const [host, inTheClear] of cases) {
    const remote = { host, port: 1 };
    t.equal(passwordsAllowed({ tls: undefined, remote }), inTheClear, host);
    t.equal(passwordsAllowed({ tls: TLS_12, remote }), true, `${host}, inside TLS`);
  }
  t.end();
});

/** The listener inside TLS, as it is off loopback. */

import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:net';
import t from 'tap';
import { startHttpListener } from '../../src/http/server.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { RealClock } from '../../src/platform/real/clock.ts';
import { listenSockets } from '../../src/platform/real/sockets.ts';
import { makeCa, makeIdentity } from '../support/certificates.ts';
import { allOf, REPORT } from './bed.ts';

void t.test('/health inside TLS; in the clear there is nothing', async (t) => {
  const ca = await makeCa();
  const identity = await makeIdentity({ ca, names: ['localhost'] });
  const listener = await startHttpListener({
    listen: listenSockets,
    address: { host: '127.0.0.1', port: 0 },
    shared: false,
    tls: { minVersion: 'TLSv1.2', identity: () => identity },
    sources: {
      standing: () => 'ready',
      report: () => Promise.resolve(REPORT),
      samples: () => Promise.resolve([]),
    },
    authenticator: { verifyPassword: () => Promise.reject(new Error('not asked')) },
    administration: { rightsOf: () => Promise.resolve(new Set()) },
    connectionsMax: 10,
    clock: new RealClock(),
    logger: noLogger,
  });
  t.teardown(() => listener.close(0));
  const { port } = listener.address;
  const asked = request({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    path: '/health',
    ca: ca.pem,
    agent: false,
  });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  t.equal(answer.statusCode, 200);
  t.match(answer.headers['strict-transport-security'], /max-age/);
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  t.equal(text, 'ready\n');

  const plain = connect(port, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.notMatch(await allOf(plain), /ready/);
});

/** Failed handshakes on the bus are in the operator's log, with the address, and not once for each of a flood. */

import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { type LogFields, noLogger } from '../../src/lib/logging.ts';
import { handshakeLogger } from '../../src/member/handshake-logger.ts';
import type { TlsServerOptions } from '../../src/platform/platform.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import { TestCluster } from '../cluster/security/support.ts';
import { memoryPlatform } from '../support/memory-platform.ts';

async function listen(t: Test, asksClients: boolean) {
  const cluster = await TestCluster.make();
  const files = await cluster.files('be1', 'backend');
  const warned: (LogFields & { readonly message: string })[] = [];
  const debugged: string[] = [];
  const { clock } = memoryPlatform();
  const logger = {
    ...noLogger,
    warn: (fields: LogFields, message: string) => void warned.push({ ...fields, message }),
    debug: (_: LogFields, message: string) => void debugged.push(message),
  };
  const { net } = realPlatform({ logger: handshakeLogger(logger, clock) });
  const identity = { chain: files.certificate, key: files.key };
  const tls: TlsServerOptions = {
    minVersion: 'TLSv1.3',
    identity: () => identity,
    ...(asksClients ? { clientAuthorities: () => files.authorities } : {}),
  };
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (connection) => connection.destroy(), {
    tls,
  });
  t.teardown(() => listener.close());
  /** Resolves when the server has dropped it. */
  const knock = (options: { readonly cert?: string; readonly key?: string }): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({
        ...listener.address,
        ...options,
        ca: cluster.authority.certificate,
        checkServerIdentity: () => undefined,
      });
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.once('close', () => resolve());
    });
  return { cluster, knock, warned, debugged, clock, address: listener.address };
}

void t.test('where members are expected: at warn, once in a while', async (t) => {
  const { knock, warned, clock } = await listen(t, true);
  await knock({});
  t.equal(warned.length, 1, 'no certificate');
  t.match(warned[0], { remote: '127.0.0.1', code: /./, message: /TLS handshake failed/ });
  for (let i = 0; i < 20; i++) await knock({});
  t.equal(warned.length, 1, 'a flood is one line');
  await clock.advance(10_000);
  const stranger = await (await TestCluster.make()).files('be2', 'backend');
  await knock({ cert: stranger.certificate, key: stranger.key });
  t.equal(warned.length, 2, 'a certificate of somebody else’s');
});

void t.test('at a door for clients it is everyday', async (t) => {
  const { warned, debugged, address } = await listen(t, false);
  await new Promise<void>((resolve) => {
    const socket = connectPlain(address, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.once('close', () => resolve());
  });
  t.same(warned, []);
  t.equal(debugged.length, 1);
});

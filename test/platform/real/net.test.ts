/** What only the real `Net` does: how writes become calls of the kernel. The rest is in net.spec.ts. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import type { Connection } from '../../../src/platform/platform.ts';
import { RealNet } from '../../../src/platform/real/net.ts';
import { makeIdentity } from '../../support/certificates.ts';
import { dial, dialPlain, serverTls } from './tls-bed.ts';

/** A connection of ours, and the plain socket at its other end. */
async function pair(t: { teardown(fn: () => unknown): void }) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const connection = await new RealNet().connect({ host: '127.0.0.1', port }, { timeoutMs: 5000 });
  const closed = new Promise<void>((resolve) =>
    connection.start({ data: () => undefined, closed: () => resolve() }),
  );
  const [peer] = await accepted;
  t.teardown(() => {
    peer.destroy();
    server.close();
  });
  return { connection, peer, closed };
}

void t.test('what is written before the loop has gone round leaves as one', async (t) => {
  const { connection, peer } = await pair(t);
  for (const part of ['a', 'b']) connection.write(Buffer.from(part));
  await Promise.resolve();
  await new Promise((resolve) => process.nextTick(resolve));
  connection.write(Buffer.from('c'));
  t.equal(connection.queuedOctets, 3, 'nothing has left');
  t.same(await once(peer, 'data'), [Buffer.from('abc')]);
  connection.write(Buffer.from('d'));
  t.same(await once(peer, 'data'), [Buffer.from('d')], 'and the next turn is another');
});

void t.test('and within TLS as one record', async (t) => {
  const identity = await makeIdentity();
  const handed = Promise.withResolvers<Connection>();
  const listener = await new RealNet().listen({ host: '127.0.0.1', port: 0 }, handed.resolve, {
    tls: serverTls(identity),
  });
  t.teardown(() => listener.close());
  const raw = await dialPlain(t, listener.address);
  const peer = await dial(t, listener.address, { socket: raw, maxVersion: 'TLSv1.2' });
  const connection = await handed.promise;
  connection.start({ data: () => undefined, closed: () => undefined });
  const before = raw.bytesRead;
  for (const part of ['a', 'b', 'c']) connection.write(Buffer.from(part));
  t.equal(connection.queuedOctets, 3, 'nothing has left');
  t.strictSame(await once(peer, 'data'), [Buffer.from('abc')]);
  t.equal(
    raw.bytesRead - before,
    5 + 8 + 3 + 16,
    'header, nonce, octets and tag of AES-GCM (RFC 5288 section 3)',
  );
  connection.destroy();
});

void t.test('an end right behind a write: the octets go first', async (t) => {
  const { connection, peer, closed } = await pair(t);
  connection.write(Buffer.from('last'));
  connection.end();
  const received: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => received.push(chunk));
  await once(peer, 'end');
  t.equal(Buffer.concat(received).toString(), 'last');
  peer.end();
  await closed;
});

void t.test('dropped before what was written has left: nothing breaks, and it is told', async (t) => {
  const { connection, peer, closed } = await pair(t);
  peer.on('error', () => undefined); // the reset
  connection.write(Buffer.from('never'));
  connection.destroy();
  await closed;
  t.equal(connection.write(Buffer.from('later')), true);
});

void t.test('halfOpen: what is owed behind a FIN is sent, in the clear and within TLS', async (t) => {
  const identity = await makeIdentity();
  for (const maxVersion of [undefined, 'TLSv1.2', 'TLSv1.3'] as const) {
    const handed = Promise.withResolvers<Connection>();
    const listener = await new RealNet().listen(
      { host: '127.0.0.1', port: 0 },
      handed.resolve,
      maxVersion === undefined ? {} : { tls: serverTls(identity) },
    );
    t.teardown(() => listener.close());
    const raw = connect({ ...listener.address, allowHalfOpen: true });
    await once(raw, 'connect');
    const peer =
      maxVersion === undefined ? raw : await dial(t, listener.address, { socket: raw, maxVersion });
    const ended = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<Error | undefined>();
    const connection = await handed.promise;
    connection.start({
      data: () => undefined,
      halfOpen: true,
      ended: ended.resolve,
      closed: closed.resolve,
    });
    peer.end('question');
    t.teardown(() => peer.destroy());
    await ended.promise;
    const peerEnded = once(peer, 'end');
    const heard: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => heard.push(chunk));
    for (const part of ['an', 'swer']) {
      connection.write(Buffer.from(part));
      await new Promise((resolve) => setImmediate(resolve));
    }
    connection.end();
    t.equal(await closed.promise, undefined);
    await peerEnded;
    t.equal(Buffer.concat(heard).toString(), 'answer', maxVersion ?? 'in the clear');
  }
});

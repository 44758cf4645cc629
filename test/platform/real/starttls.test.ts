/** STARTTLS on the server's side: by `Connection.secure` and, for who works with sockets, `AcceptedSocket.secure`. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { Connection } from '../../../src/platform/platform.ts';
import { RealNet } from '../../../src/platform/real/net.ts';
import { type AcceptedSocket, listenSockets } from '../../../src/platform/real/sockets.ts';
import { makeIdentity } from '../../support/certificates.ts';
import { Recorder } from '../net.spec.ts';
import { dialPlain, gone, LOOPBACK, ping, serverTls } from './tls-bed.ts';

const identity = await makeIdentity({ names: ['start.example'] });
const READY = 'ready\r\n';

/** A connection on which the server says `ready` in the clear; the client's plain socket. */
async function pair(t: Test, identityOf = identity) {
  const handed = Promise.withResolvers<Connection>();
  const listener = await new RealNet().listen(LOOPBACK, handed.resolve);
  const client = await dialPlain(t, listener.address);
  const connection = await handed.promise;
  t.teardown(() => listener.close());
  return { client, connection, recorder: new Recorder(connection), tls: serverTls(identityOf) };
}

function upgrade(socket: Socket, options: { readonly maxVersion?: 'TLSv1.2' } = {}): TLSSocket {
  const secured = connect({ socket, rejectUnauthorized: false, servername: 'start.example', ...options });
  secured.on('error', () => undefined);
  return secured;
}

void t.test('what was written before leaves in the clear, what comes after is TLS', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  client.write('STARTTLS\r\n');
  await recorder.until(() => recorder.octets === 10);
  connection.write(Buffer.from(READY));
  const secured = connection.secure(tls);
  connection.write(Buffer.from('held until then'));
  t.equal(connection.queuedOctets, 15);
  const greeting: Buffer[] = [];
  client.on('data', (bytes: Buffer) => greeting.push(bytes));
  await once(client, 'data');
  t.equal(Buffer.concat(greeting).toString(), READY, 'nothing else in the clear');
  client.removeAllListeners('data');
  const over = upgrade(client);
  t.strictSame(await once(over, 'data'), [Buffer.from('held until then')]);
  t.match(await secured, { protocol: 'TLSv1.3', serverName: 'start.example' });
  t.equal(connection.tls, await secured);
  over.write('EHLO');
  await recorder.until(() => recorder.octets === 14);
  await t.rejects(connection.secure(tls), /already/);
  over.end();
  t.equal(await recorder.closed, undefined);
  t.strictSame(recorder.told, ['data', 'ended', 'closed']);
});

// RFC 3207 section 4.2; the session throws away what it was told with its command, nothing else was told.
void t.test('a ClientHello that came early is TLS, not data', async (t) => {
  for (const options of [{}, { maxVersion: 'TLSv1.2' }] as const) {
    const { client, connection, recorder, tls } = await pair(t);
    connection.pause();
    const over = upgrade(client, options);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    connection.resume();
    // In the same turn: the hello waits in the kernel or in the socket, and is told to nobody.
    await connection.secure(tls);
    over.write('inside');
    await recorder.until(() => recorder.octets === 6);
    t.equal(String(recorder.received), 'inside');
    connection.destroy();
    await gone(over);
  }
});

void t.test('octets injected behind the command are no TLS: the handshake fails', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  connection.pause();
  client.write('MAIL FROM:<eve@lab.example>\r\n');
  upgrade(client);
  await t.rejects(connection.secure(tls), { code: /^ERR_SSL/ });
  t.match(await recorder.closed, { code: /^ERR_SSL/ });
  t.strictSame(recorder.told, ['closed'], 'and nobody was told of them');
});

void t.test('a client that leaves within the handshake: rejected, then `closed`, once', async (t) => {
  for (const leave of [(client: Socket) => client.resetAndDestroy(), (client: Socket) => client.end()]) {
    const { client, connection, recorder, tls } = await pair(t);
    const order: string[] = [];
    const secured = connection.secure(tls).catch((error: unknown) => {
      order.push('rejected');
      return error;
    });
    void recorder.closed.then(() => order.push('closed'));
    client.write(Buffer.from([22, 3, 1, 0]));
    leave(client);
    t.match(await secured, { code: 'ECONNRESET' });
    t.match(await recorder.closed, { code: 'ECONNRESET' });
    t.strictSame(order, ['rejected', 'closed']);
    t.strictSame(recorder.told, ['closed']);
    await t.rejects(connection.secure(tls));
  }
});

void t.test('dropped by ourselves within the handshake', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  const secured = connection.secure(tls);
  connection.destroy();
  await t.rejects(secured);
  t.match(await recorder.closed, { code: 'ECONNABORTED' });
  t.strictSame(recorder.told, ['closed']);
  await gone(client);
});

void t.test('an end within the handshake is that of the TLS connection', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  const secured = connection.secure(tls);
  connection.write(Buffer.from('BYE'));
  connection.end();
  connection.write(Buffer.from('dropped'));
  const over = upgrade(client);
  t.strictSame(await once(over, 'data'), [Buffer.from('BYE')]);
  await secured;
  over.end();
  t.equal(await recorder.closed, undefined);
});

void t.test('much written within the handshake pushes back, and `drained` follows', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  const secured = connection.secure(tls);
  const chunk = Buffer.alloc(40_000, 7);
  t.equal(connection.write(chunk), true);
  t.equal(connection.write(chunk), false);
  t.equal(connection.queuedOctets, 80_000);
  const over = upgrade(client);
  let octets = 0;
  over.on('data', (bytes: Buffer) => {
    octets += bytes.length;
  });
  await secured;
  await recorder.until(() => recorder.told.includes('drained'));
  while (octets < 80_000) await once(over, 'data');
  connection.destroy();
});

void t.test('who waits for `drained` since before the handshake is told', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  client.pause();
  const chunk = Buffer.alloc(64 * 1024, 7);
  // Kernels take some megabytes on loopback before they refuse.
  let chunks = 1;
  while (connection.write(chunk) || connection.queuedOctets < 1024 * 1024) chunks++;
  const secured = connection.secure(tls);
  t.notOk(recorder.told.includes('drained'));
  let left = chunks * chunk.length;
  const cleared = new Promise<void>((resolve) => {
    client.on('readable', function read(): void {
      for (let bytes = client.read(); left > 0 && bytes !== null; bytes = client.read())
        left -= (bytes as Buffer).length;
      if (left > 0) return;
      client.off('readable', read);
      resolve();
    });
  });
  await cleared;
  t.equal(left, 0, 'all of it came in the clear, and nothing else');
  upgrade(client);
  await secured;
  await recorder.until(() => recorder.told.includes('drained'));
  connection.destroy();
});

void t.test('a pause holds over the handshake', async (t) => {
  const { client, connection, recorder, tls } = await pair(t);
  const secured = connection.secure(tls);
  connection.pause();
  const over = upgrade(client);
  over.write('early');
  await secured;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(recorder.octets, 0);
  connection.resume();
  await recorder.until(() => recorder.octets === 5);
  connection.destroy();
  await recorder.closed;
});

void t.test(
  'sockets: the caller takes its listeners off, then the new socket is the connection',
  async (t) => {
    const handed = Promise.withResolvers<AcceptedSocket>();
    const listener = await listenSockets(LOOPBACK, handed.resolve);
    t.teardown(() => listener.close());
    const client = await dialPlain(t, listener.address);
    client.write('STARTTLS\r\n');
    const accepted = await handed.promise;
    const { socket } = accepted;
    socket.on('error', () => undefined);
    const parser = new PassThrough();
    socket.pipe(parser);
    t.strictSame(await once(parser, 'data'), [Buffer.from('STARTTLS\r\n')]);
    socket.unpipe(parser);
    socket.write(READY);
    const secured = accepted.secure(serverTls(identity));
    await once(client, 'data');
    const over = upgrade(client, { maxVersion: 'TLSv1.2' });
    const { socket: inside, tls } = await secured;
    t.equal(tls.protocol, 'TLSv1.2');
    inside.pipe(inside);
    t.equal(await ping(over), 'ping');
    over.end();
    await gone(over);
  },
);

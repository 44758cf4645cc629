/** What only the real `Net` does: how writes become calls of the kernel. The rest is in net.spec.ts. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t from 'tap';
import { RealNet } from '../../../src/platform/real/net.ts';

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

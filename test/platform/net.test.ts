import t from 'tap';
import type { Connection, ConnectOptions, Net } from '../../src/platform/platform.ts';
import { RealNet } from '../../src/platform/real/net.ts';
import { World } from '../simulation/world.ts';
import { makeCa, makeIdentity } from '../support/certificates.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryNet } from '../support/memory-net.ts';
import { netSpec, Recorder } from './net.spec.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

void t.test('real', async (t) =>
  netSpec(t, async () => {
    const net = new RealNet();
    return { client: net, server: net, address: LOOPBACK, run: (body) => body() };
  }),
);

const ca = await makeCa();
const identity = await makeIdentity({ ips: ['127.0.0.1'], ca });
const server = { minVersion: 'TLSv1.2', identity: () => identity } as const;
const client = { minVersion: 'TLSv1.2', authorities: () => [ca.pem] } as const;

/** A net on which everybody speaks TLS from the first octet on. */
function implicit(net: Net): Net {
  return {
    listen: (address, onConnection, options) =>
      net.listen(address, onConnection, { ...options, tls: server }),
    connect: (address, options) => net.connect(address, { ...options, tls: client }),
  };
}

/** A net on which who accepts begins TLS by itself. */
function upgraded(net: Net): Net {
  const secure = async (connection: Connection, onConnection: (connection: Connection) => void) => {
    const tls = await connection.secure(server).catch(() => undefined);
    if (tls !== undefined) onConnection(connection);
  };
  return {
    listen: (address, onConnection) =>
      net.listen(address, (connection) => void secure(connection, onConnection)),
    connect: (address, options) => net.connect(address, { ...options, tls: client }),
  };
}

for (const [name, over] of [
  ['real, TLS', implicit],
  ['real, TLS begun later', upgraded],
] as const)
  void t.test(name, async (t) =>
    netSpec(t, async () => {
      const net = over(new RealNet());
      return { client: net, server: net, address: LOOPBACK, run: (body) => body() };
    }),
  );

void t.test('in memory', async (t) =>
  netSpec(t, async () => {
    const net = new MemoryNet(new ManualClock());
    return { client: net, server: net, address: LOOPBACK, run: (body) => body() };
  }),
);

void t.test('simulated, between machines', async (t) =>
  netSpec(t, async (t) => {
    const world = new World({ seed: t.name, faults: { splitReads: 0.3, latencyMs: [0.1, 20] } });
    const server = world.machine('server');
    return {
      client: world.machine('client').process('p').platform.net,
      server: server.process('p').platform.net,
      address: { host: server.host, port: 0 },
      run: (body) => world.settle(body(), 600_000),
    };
  }),
);

void t.test('real: the process that listens on localhost needs no name service', async (t) => {
  const net = new RealNet();
  const listener = await net.listen({ host: 'localhost', port: 0 }, (connection) => {
    connection.start({ data: () => undefined, closed: () => undefined });
    connection.end();
  });
  t.equal(listener.address.host, '127.0.0.1');
  const near = new Recorder(
    await net.connect({ host: 'localhost', port: listener.address.port }, { timeoutMs: 1000 }),
  );
  t.equal(await near.closed, undefined);
  await listener.close();
});

void t.test('real: an IPv4 peer of a socket for both families has an IPv4 address', async (t) => {
  const net = new RealNet();
  const remote = Promise.withResolvers<string>();
  const listener = await net
    .listen({ host: '::', port: 0 }, (connection) => {
      remote.resolve(connection.remote.host);
      connection.start({ data: () => undefined, closed: () => undefined });
      connection.end();
    })
    .catch(() => undefined);
  if (listener === undefined) return void t.pass('no IPv6 here');
  const near = new Recorder(
    await net.connect({ host: '127.0.0.1', port: listener.address.port }, { timeoutMs: 1000 }),
  );
  t.equal(await remote.promise, '127.0.0.1');
  await near.closed;
  await listener.close();
});

void t.test('in memory: silence ends with the time-out of who connects', async (t) => {
  const clock = new ManualClock();
  const net = new MemoryNet(clock);
  net.silent = true;
  const attempt = net.connect({ host: '127.0.0.1', port: 1 }, { timeoutMs: 300 });
  const rejected = t.rejects(attempt, { code: 'ETIMEDOUT' });
  await clock.advance(300);
  await rejected;
});

void t.test('in memory and simulated: each side of TLS is told whom it talks to', async (t) => {
  const world = new World({ seed: t.name });
  const machine = world.machine('server');
  const memory = new MemoryNet(new ManualClock());
  for (const { near, far, address, run } of [
    { near: memory, far: memory, address: LOOPBACK, run: <T>(body: Promise<T>) => body },
    {
      near: world.machine('client').process('p').platform.net,
      far: machine.process('p').platform.net,
      address: { host: machine.host, port: 0 },
      run: <T>(body: Promise<T>) => world.settle(body, 600_000),
    },
  ]) {
    const member = { chain: 'member', key: '' };
    const mutual = { ...server, identity: () => ({ chain: 'server', key: '' }), clientAuthorities: () => [] };
    const accepted = Promise.withResolvers<Connection>();
    const secret = await run(far.listen(address, accepted.resolve, { tls: mutual }));
    const plain = await run(far.listen(address, () => undefined));
    const dial = (to: typeof address, tls?: ConnectOptions['tls']) =>
      run(near.connect(to, { timeoutMs: 1000, ...(tls && { tls }) }));
    const connection = await dial(secret.address, { ...client, identity: () => member });
    const { tls } = await run(accepted.promise);
    t.strictSame(connection.tls?.peerCertificate, Buffer.from('server'));
    t.strictSame(tls?.peerCertificate, Buffer.from('member'));
    t.strictSame(tls?.exporter, connection.tls?.exporter);
    await t.rejects(dial(secret.address, client), 'a certificate is wanted');
    await t.rejects(dial(secret.address), 'only one side speaks TLS');
    await t.rejects(dial(plain.address, client), 'only one side speaks TLS');
    t.equal((await dial(plain.address)).tls, undefined);
    const closed = Promise.withResolvers<Error | undefined>();
    connection.start({ data: () => undefined, closed: closed.resolve });
    await t.rejects(connection.secure(server), { code: 'EPROTO' });
    t.match(await run(closed.promise), { code: 'ECONNABORTED' });
  }
});

import t from 'tap';
import { RealNet } from '../../src/platform/real/net.ts';
import { World } from '../simulation/world.ts';
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

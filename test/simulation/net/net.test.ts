/** What the simulated network does beyond the spec of every `Net`: cuts, crashes, pauses, killed connections. */
import t from 'tap';
import { Recorder } from '../../platform/net.spec.ts';
import type { Faults } from '../faults.ts';
import type { Machine, SimProcess } from '../machine.ts';
import { World } from '../world.ts';

const PORT = 1000;

async function connected(faults: Partial<Faults> = {}, seed: number | string = 1) {
  const world = new World({ seed, faults });
  const [a, b] = [world.machine('a'), world.machine('b')];
  const [client, server] = [a.process('client'), b.process('server')];
  const accepted: Recorder[] = [];
  await world.settle(
    server.platform.net.listen({ host: '0.0.0.0', port: PORT }, (connection) => {
      accepted.push(new Recorder(connection));
    }),
    100,
  );
  const dial = (from: SimProcess = client) =>
    from.platform.net
      .connect({ host: b.host, port: PORT }, { timeoutMs: 500 })
      .then((connection) => new Recorder(connection));
  const near = await world.settle(dial(), 1000);
  await world.run(() => accepted.length === 1);
  return { world, a, b, client, server, near, far: accepted[0]!, accepted, dial };
}

void t.test(
  'a crashed process: FIN to its peers, its port refuses, only what the kernel had is sent',
  async (t) => {
    const { world, server, near, far, dial } = await connected();
    far.connection.write(Buffer.alloc(10_000_000, 1));
    server.crash();
    t.equal(await world.settle(near.closed, 10_000), undefined);
    t.same(near.told, ['data', 'ended', 'closed']);
    t.ok(near.octets > 0 && near.octets < 1_000_000, `${near.octets} octets`);
    t.same(far.told, [], 'nothing is told to the dead');
    await t.rejects(world.settle(dial(), 1000), { code: 'ECONNREFUSED' });
  },
);

// RFC 2525 section 2.17: closing with octets unread sends a reset.
void t.test('a crashed process that had not read everything: RST', async (t) => {
  const { world, server, near, far } = await connected();
  far.connection.pause();
  near.connection.write(Buffer.from('unread'));
  await world.run(world.nowMs + 50);
  server.crash();
  t.match(await world.settle(near.closed, 1000), { code: 'ECONNRESET' });
  t.same(near.told, ['closed']);
});

void t.test(
  'a paused process: its kernel accepts and takes octets, it learns of them when it runs',
  async (t) => {
    const { world, server, near, far, accepted, dial } = await connected();
    server.pause();
    near.connection.write(Buffer.from('patience'));
    const second = await world.settle(dial(), 1000);
    await world.run(world.nowMs + 5000);
    t.equal(far.octets, 0);
    t.equal(accepted.length, 1);
    server.resume();
    await world.run(() => far.octets === 8 && accepted.length === 2, { untilMs: world.nowMs + 100 });
    second.connection.end();
    t.equal(await world.settle(second.closed, 1000), undefined);
  },
);

void t.test('a cut holds octets back and sends them again when healed, in order', async (t) => {
  const { world, a, b, near, far } = await connected();
  world.network.cutBoth(a, b);
  for (let i = 0; i < 20; i++) near.connection.write(Buffer.from([i]));
  await world.run(world.nowMs + 20_000);
  t.equal(far.octets, 0);
  t.same([near.told, far.told], [[], []]);
  world.network.healBoth(a, b);
  await world.run(() => far.octets === 20, { untilMs: world.nowMs + 2000 });
  t.same([...far.received], [...Array(20).keys()]);
});

void t.test('a cut one way lets the other way pass', async (t) => {
  const { world, a, b, near, far } = await connected();
  world.network.cut(a, b);
  near.connection.write(Buffer.from('lost'));
  far.connection.write(Buffer.from('passes'));
  await world.run(() => near.octets === 6, { untilMs: world.nowMs + 100 });
  await world.run(world.nowMs + 1000);
  t.equal(far.octets, 0);
});

void t.test(
  'a sender over a cut gives up after its time-out, the other side after its keep-alive',
  async (t) => {
    const { world, a, b, near, far } = await connected({ tcpTimeoutMs: 8000, keepAliveMs: 12_000 });
    world.network.cutBoth(a, b);
    near.connection.write(Buffer.from('x'));
    const cutAtMs = world.nowMs;
    t.match(await world.settle(near.closed, 20_000), { code: 'ETIMEDOUT' });
    t.ok(world.nowMs - cutAtMs >= 8000 && world.nowMs - cutAtMs < 9000);
    t.same(near.told, ['closed'], 'neither FIN');
    t.match(await world.settle(far.closed, 20_000), { code: 'ETIMEDOUT' });
    t.equal(world.counters.of('connection-timeout'), 2);
  },
);

void t.test('an idle connection over a short cut never notices', async (t) => {
  const { world, a, b, near, far } = await connected({ keepAliveMs: 12_000 });
  world.network.cutBoth(a, b);
  await world.run(world.nowMs + 10_000);
  world.network.healBoth(a, b);
  await world.run(world.nowMs + 60_000);
  t.same([near.told, far.told], [[], []]);
  near.connection.write(Buffer.from('still'));
  await world.run(() => far.octets === 5, { untilMs: world.nowMs + 100 });
});

void t.test(
  'an idle connection to a machine that died and came back is reset by its keep-alive',
  async (t) => {
    const { world, b, near } = await connected({ keepAliveMs: 12_000 });
    b.crash();
    await world.run(world.nowMs + 3000);
    b.start();
    t.match(await world.settle(near.closed, 12_000), { code: 'ECONNRESET' });
  },
);

void t.test(
  'connecting over a cut or to no machine ends with its time-out, or when healed in time',
  async (t) => {
    const { world, a, b, client, dial } = await connected();
    world.network.cut(b, a);
    await t.rejects(world.settle(dial(), 1000), { code: 'ETIMEDOUT' });
    const nobody = client.platform.net.connect({ host: '10.9.9.9', port: 1 }, { timeoutMs: 50 });
    await t.rejects(world.settle(nobody, 1000), { code: 'ETIMEDOUT' });
    const patient = client.platform.net.connect({ host: b.host, port: PORT }, { timeoutMs: 5000 });
    await world.run(world.nowMs + 500);
    world.network.heal(b, a);
    new Recorder(await world.settle(patient, 2000)).connection.destroy();
  },
);

void t.test('a dead machine: silence, and a reset once it is up again', async (t) => {
  const { world, b, near, dial } = await connected();
  b.crash();
  near.connection.write(Buffer.from('hello?'));
  await world.run(world.nowMs + 5000);
  t.same(near.told, []);
  await t.rejects(world.settle(dial(), 1000), { code: 'ETIMEDOUT' });
  b.start();
  t.match(await world.settle(near.closed, 5000), { code: 'ECONNRESET' });
  await t.rejects(world.settle(dial(), 1000), { code: 'ECONNREFUSED' });
});

void t.test(
  'a frozen machine takes nothing, not even in its kernel, and goes on as if nothing had been',
  async (t) => {
    const { world, b, near, far, dial } = await connected();
    b.pause('still');
    near.connection.write(Buffer.from('x'));
    await t.rejects(world.settle(dial(), 1000), { code: 'ETIMEDOUT' });
    t.equal(far.octets, 0);
    b.resume();
    await world.run(() => far.octets === 1, { untilMs: world.nowMs + 2000 });
  },
);

void t.test('a reset over a cut is lost; the other side learns by its next octets', async (t) => {
  const { world, a, b, near, far } = await connected();
  world.network.cut(a, b);
  near.connection.destroy();
  await world.run(world.nowMs + 3000);
  world.network.heal(a, b);
  await world.run(world.nowMs + 3000);
  t.same(far.told, []);
  far.connection.write(Buffer.from('anybody?'));
  t.match(await world.settle(far.closed, 1000), { code: 'ECONNRESET' });
});

void t.test('connections killed at random: reset on both ends, what arrived is a prefix', async (t) => {
  let killed = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { world, near, far } = await connected({ killConnection: 0.1, splitReads: 0.5 }, seed);
    const sent = Buffer.from(Array.from({ length: 200 }, (_, index) => index));
    for (const octet of sent) near.connection.write(Buffer.from([octet]));
    await world.run(world.nowMs + 1000);
    t.same(far.received, sent.subarray(0, far.octets), `seed ${seed}`);
    if (!near.told.includes('closed')) continue;
    killed++;
    t.match(await near.closed, { code: 'ECONNRESET' });
    t.match(await world.settle(far.closed, 100), { code: 'ECONNRESET' });
  }
  t.ok(killed > 10);
});

void t.test('listens only where it may, and only on its own machine', async (t) => {
  const { world, a, b, client, server } = await connected();
  const listen = (process: SimProcess, host: string, port: number) =>
    world.settle(
      process.platform.net.listen({ host, port }, () => undefined),
      100,
    );
  await t.rejects(listen(client, b.host, 0), { code: 'EADDRNOTAVAIL' });
  await t.rejects(listen(server, b.host, PORT), { code: 'EADDRINUSE' }, '0.0.0.0 has it already');
  await t.rejects(listen(b.process('other'), '0.0.0.0', PORT), { code: 'EADDRINUSE' });
  await listen(client, a.host, PORT);
  await listen(client, '127.0.0.1', PORT);
  const dial = (process: SimProcess) =>
    world.settle(process.platform.net.connect({ host: '127.0.0.1', port: PORT }, { timeoutMs: 100 }), 200);
  t.equal((await dial(client)).remote.host, '127.0.0.1');
  const local = b.process('third');
  await listen(local, '127.0.0.1', 0);
  world.network.isolate(b);
  t.ok(await dial(local), 'loopback is never cut');
});

void t.test('a stalled connection passes nothing and says nothing; others do', async (t) => {
  for (let seed = 1; seed <= 6; seed++) {
    const { world, near, far, dial } = await connected({ stallConnection: 1, keepAliveMs: 500 }, seed);
    near.connection.write(Buffer.from('there'));
    world.setFaults({ stallConnection: 0 });
    far.connection.write(Buffer.from('back'));
    await world.settle(dial(), 1000);
    t.equal(world.counters.of('stall-connection'), 1);
    await world.run(world.nowMs + 200);
    t.ok(far.octets === 0 || near.octets === 0, 'one way or both');
    t.notOk([...near.told, ...far.told].includes('closed'), 'nobody was told');
    await world.run(world.nowMs + 1000);
    t.ok([...near.told, ...far.told].includes('closed'), 'but the keep-alive finds out');
  }
});

void t.test('a slow way: late one way, as ever the other', async (t) => {
  const { world, a, b, near, far } = await connected();
  world.network.slow(a, b, 1000);
  near.connection.write(Buffer.from('there'));
  far.connection.write(Buffer.from('back'));
  await world.run(world.nowMs + 100);
  t.equal(near.octets, 4);
  t.equal(far.octets, 0);
  await world.run(world.nowMs + 1000);
  t.equal(far.octets, 5);
});

void t.test('two parts do not reach each other, and each reaches itself', async (t) => {
  const world = new World({ seed: 1 });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => world.machine(name)) as [Machine, Machine, Machine];
  world.network.split([a, b]);
  t.same(
    [world.network.passes(a, b), world.network.passes(a, c), world.network.passes(c, b)],
    [true, false, false],
  );
  world.heal();
  t.ok(world.network.passes(a, c));
});

void t.test('processes of a machine share a port only when all of them say so', async (t) => {
  const world = new World({ seed: 1 });
  const machine = world.machine('a');
  const took = [0, 0];
  for (const index of [0, 1])
    await world.settle(
      machine
        .process(`w${index}`)
        .platform.net.listen({ host: '0.0.0.0', port: 7 }, () => void took[index]!++, { shared: true }),
      100,
    );
  const client = world.machine('b').process('client').platform.net;
  for (let i = 0; i < 20; i++)
    await world.settle(client.connect({ host: machine.host, port: 7 }, { timeoutMs: 500 }), 1000);
  await world.run(world.nowMs + 10);
  t.ok(
    took.every((count) => count > 0),
    took.join(' and '),
  );
  t.equal(
    took.reduce((sum, count) => sum + count, 0),
    20,
  );
  const third = machine.process('w2').platform.net.listen({ host: '0.0.0.0', port: 7 }, () => undefined);
  await t.rejects(world.settle(third, 100), { code: 'EADDRINUSE' });
});

void t.test('segments of different connections overtake each other, and that is counted', async (t) => {
  const { world, near, dial } = await connected({ latencyMs: [0.1, 50] });
  const other = await world.settle(dial(), 1000);
  for (let i = 0; i < 50; i++) {
    near.connection.write(Buffer.from('1'));
    other.connection.write(Buffer.from('2'));
    await world.run(world.nowMs + 1);
  }
  t.ok(world.counters.of('reordered') > 0);
});

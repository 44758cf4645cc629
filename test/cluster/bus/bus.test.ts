/** Calls and notices between two buses: what comes back, which failure means what, and the limits. */
import t from 'tap';
import { encodeFrame, FrameType } from '../../../src/cluster/bus/frame.ts';
import { BUS_LIMITS } from '../../../src/cluster/bus/limits.ts';
import type { Body } from '../../../src/cluster/bus/types.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';
import { codeOf, HELLO_FRAME, makeBus, makePair, RawPeer, settle } from './support.ts';

const SOON = { timeoutMs: 1000 };

void t.test('a call is answered, and the handler knows who asks', async (t) => {
  const pair = await makePair();
  pair.server.serve('echo', (body, context) => ({
    body,
    from: context.from.member,
    at: context.from.address,
  }));
  const answer = await pair.client.call(pair.server.self.address, 'echo', { a: [1, Buffer.from('x')] }, SOON);
  t.same(answer, { body: { a: [1, Buffer.from('x')] }, from: 'client', at: pair.client.self.address });
  await pair.close();
});

void t.test('a 4 KiB call costs one write each way, and so do many of one turn', async (t) => {
  const pair = await makePair();
  pair.server.serve('echo', async (body) => body);
  const to = pair.server.self.address;
  await pair.client.call(to, 'echo', 0, SOON);
  for (const calls of [1, 20]) {
    pair.clientNet.writes.length = 0;
    pair.serverNet.writes.length = 0;
    const body = Buffer.alloc(4096, 1);
    await Promise.all(Array.from({ length: calls }, () => pair.client.call(to, 'echo', body, SOON)));
    t.equal(pair.clientNet.writes.length, 1, `${calls} requests`);
    t.equal(pair.serverNet.writes.length, 1, `${calls} answers`);
  }
  await pair.close();
});

void t.test('failures cross with their code; others are unknown', async (t) => {
  const pair = await makePair();
  const to = pair.server.self.address;
  const call = (service: string): Promise<unknown> => pair.client.call(to, service, 1, SOON);
  pair.server.serve('moved', () => {
    throw new Failure('moved', 'map version 7');
  });
  pair.server.serve('space', async () => {
    throw new Failure('no-space', 'full');
  });
  pair.server.serve('bug', () => {
    throw new TypeError('x is not a function');
  });
  pair.server.serve('odd', () => Symbol('not a value'));
  await t.rejects(call('moved'), { code: 'moved', message: 'map version 7' });
  t.equal(await codeOf(call('space')), 'no-space');
  t.equal(await codeOf(call('bug')), 'unknown');
  t.equal(await codeOf(call('odd')), 'invalid');
  t.equal(await codeOf(call('nothing')), 'unavailable', 'a service nobody registered: nothing has happened');
  t.throws(() => pair.server.serve('bug', () => 1), /already/);
  await pair.close();
});

void t.test('bodies of many frames, both ways, and the limit', async (t) => {
  const pair = await makePair({
    callOctetsMax: 3 << 20,
    begunOctetsMax: 4 << 20,
    connectionCredit: 1 << 18,
    streamMessageOctetsMax: 1 << 20,
  });
  pair.server.serve('echo', (body) => body);
  const to = pair.server.self.address;
  const bodies = Array.from({ length: 4 }, (_, i) => Buffer.alloc(2 << 20, i + 1));
  const answers = await Promise.all(bodies.map((body) => pair.client.call(to, 'echo', body, SOON)));
  for (const [i, answer] of answers.entries()) t.ok(bodies[i]?.equals(answer as Buffer), `body ${i}`);
  t.equal(await codeOf(pair.client.call(to, 'echo', Buffer.alloc(3 << 20), SOON)), 'limit');
  pair.server.serve('grow', () => Buffer.alloc(3 << 20));
  t.equal(await codeOf(pair.client.call(to, 'grow', 1, SOON)), 'unknown', 'it was done, only not told');
  t.same(await pair.client.call(to, 'echo', 'still there', SOON), 'still there');
  await pair.close();
});

void t.test('a small call does not wait for a large one', async (t) => {
  const pair = await makePair();
  const order: string[] = [];
  pair.server.serve('take', (body) => (Buffer.isBuffer(body) ? 'large' : 'small'));
  const to = pair.server.self.address;
  await pair.client.call(to, 'take', 1, SOON);
  const calls = [Buffer.alloc(20 << 20), 1].map((body) =>
    pair.client.call(to, 'take', body, SOON).then((answer) => order.push(String(answer))),
  );
  await Promise.all(calls);
  t.same(order, ['small', 'large']);
  await pair.close();
});

void t.test('urgent services pass calls that use up the whole credit', async (t) => {
  const pair = await makePair({ heldCallOctetsMax: 1, connectionCredit: 1 << 16 });
  const release = Promise.withResolvers<void>();
  pair.server.serve('hold', () => release.promise);
  pair.server.serve('cluster.beat', (body) => body);
  const to = pair.server.self.address;
  const held = Array.from({ length: 20 }, () => pair.client.call(to, 'hold', Buffer.alloc(30_000), SOON));
  await settle();
  t.equal(await pair.client.call(to, 'cluster.beat', 9, SOON), 9);
  const blocked = codeOf(pair.client.call(to, 'hold', 1, { timeoutMs: 100 }));
  await pair.platform.clock.advance(100);
  t.equal(await blocked, 'unavailable', 'without credit it never left');
  release.resolve();
  await Promise.all(held);
  await pair.close();
});

void t.test('what no connection took is unavailable', async (t) => {
  const platform = memoryPlatform();
  const { bus } = await makeBus(platform);
  const nobody = { host: '127.0.0.1', port: 1 };
  t.equal(await codeOf(bus.call(nobody, 'x', 1, SOON)), 'unavailable', 'refused');
  platform.net.silent = true;
  const late = codeOf(bus.call(nobody, 'x', 1, { timeoutMs: 50 }));
  const cancelled = new AbortController();
  const aborted = codeOf(bus.call(nobody, 'x', 1, { ...SOON, signal: cancelled.signal }));
  cancelled.abort();
  t.equal(await aborted, 'unavailable', 'cancelled while dialling');
  await platform.clock.advance(50);
  t.equal(await late, 'unavailable', 'time is up while dialling');
  await bus.close();
  t.equal(await codeOf(bus.call(nobody, 'x', 1, SOON)), 'unavailable', 'closed');
});

void t.test('what was handed over and not answered is unknown; the handler is told', async (t) => {
  const pair = await makePair();
  const to = pair.server.self.address;
  const signals: AbortSignal[] = [];
  pair.server.serve('hang', (_, context) => {
    signals.push(context.signal);
    return new Promise<Body>(() => undefined);
  });
  const cancel = new AbortController();
  const late = codeOf(pair.client.call(to, 'hang', 1, { timeoutMs: 100 }));
  const cancelled = codeOf(pair.client.call(to, 'hang', 2, { timeoutMs: 5000, signal: cancel.signal }));
  const lost = codeOf(pair.client.call(to, 'hang', 3, { timeoutMs: 5000 }));
  await settle();
  t.equal(signals.length, 3);
  cancel.abort();
  t.equal(await cancelled, 'unknown');
  await pair.platform.clock.advance(100);
  t.equal(await late, 'unknown');
  await settle();
  t.same(
    signals.map((signal) => signal.aborted),
    [true, true, false],
  );
  const closing = pair.server.close();
  t.equal(await lost, 'unknown');
  await pair.platform.clock.advance(BUS_LIMITS.closeGraceMs);
  await closing;
  await pair.close();
});

void t.test('a request of which a part never left is unavailable, and its handler never runs', async (t) => {
  const pair = await makePair({ connectionCredit: 1 << 16, heldCallOctetsMax: 1 });
  const release = Promise.withResolvers<void>();
  let runs = 0;
  pair.server.serve('hold', () => release.promise);
  pair.server.serve('count', () => ++runs);
  const to = pair.server.self.address;
  const held = pair.client.call(to, 'hold', Buffer.alloc(20_000), SOON);
  await settle();
  const cut = codeOf(pair.client.call(to, 'count', Buffer.alloc(1 << 20), { timeoutMs: 10 }));
  await settle();
  await pair.platform.clock.advance(10);
  t.equal(await cut, 'unavailable');
  release.resolve();
  await held;
  t.equal(await pair.client.call(to, 'count', 0, SOON), 1, 'the connection is in order');
  await pair.close();
});

void t.test('the next use dials again', async (t) => {
  const pair = await makePair();
  const seen: string[] = [];
  pair.client.onPeer((peer, up) => seen.push(`${peer.member} ${up ? 'up' : 'down'}`));
  pair.server.serve('echo', (body) => body);
  const to = pair.server.self.address;
  t.equal(await pair.client.call(to, 'echo', 1, SOON), 1);
  const closing = pair.server.close();
  await settle();
  await pair.platform.clock.advance(BUS_LIMITS.closeGraceMs);
  await closing;
  t.equal(await codeOf(pair.client.call(to, 'echo', 1, SOON)), 'unavailable');
  const again = await makeBus(pair.platform, { name: 'again', listen: to });
  again.bus.serve('echo', (body) => body);
  t.equal(await pair.client.call(to, 'echo', 2, SOON), 2);
  t.same(seen, ['server up', 'server down', 'again up']);
  await Promise.all([pair.close(), again.bus.close()]);
});

void t.test(
  'two that dial each other at once both get through, and one address is dialled once',
  async (t) => {
    const pair = await makePair();
    for (const bus of [pair.client, pair.server]) bus.serve('who', () => bus.self.member);
    let ups = 0;
    pair.client.onPeer((_, up) => {
      if (up) ups++;
    });
    const answers = await Promise.all([
      pair.client.call(pair.server.self.address, 'who', 1, SOON),
      pair.server.call(pair.client.self.address, 'who', 1, SOON),
      pair.client.call(pair.server.self.address, 'who', 1, SOON),
    ]);
    t.same(answers, ['server', 'client', 'server']);
    t.equal(ups, 2);
    await pair.close();
  },
);

void t.test('a process may call itself', async (t) => {
  const pair = await makePair();
  pair.client.serve('who', () => pair.client.self.member);
  t.equal(await pair.client.call(pair.client.self.address, 'who', 1, SOON), 'client');
  await pair.close();
});

void t.test(
  'notices arrive in order, also those sent while dialling; to nobody they are dropped',
  async (t) => {
    const pair = await makePair();
    const got: Body[] = [];
    pair.server.onNotice('n', (body, from) => {
      got.push([body, from.member]);
      if (body === 1) throw new Error('a handler that fails costs nothing else');
    });
    const to = pair.server.self.address;
    for (const body of [1, 2, Buffer.alloc(200_000)]) pair.client.notify(to, 'n', body);
    pair.client.notify(to, 'other', 1);
    pair.client.notify({ host: '127.0.0.1', port: 1 }, 'n', 1);
    await settle();
    t.same(got, [
      [1, 'client'],
      [2, 'client'],
      [Buffer.alloc(200_000), 'client'],
    ]);
    await pair.close();
  },
);

void t.test('notices that would pile up are dropped', async (t) => {
  const pair = await makePair({ noticesQueuedOctetsMax: 1000 });
  let got = 0;
  pair.server.onNotice('n', () => got++);
  for (let i = 0; i < 10; i++) pair.client.notify(pair.server.self.address, 'n', Buffer.alloc(300));
  await settle();
  t.equal(got, 3);
  for (let i = 0; i < 10; i++) pair.client.notify(pair.server.self.address, 'n', Buffer.alloc(300));
  await settle();
  t.equal(got, 6);
  await pair.close();
});

void t.test('a peer of another cluster is refused with the reason', async (t) => {
  const platform = memoryPlatform();
  const one = await makeBus(platform, { clusterId: 'aaa' });
  const two = await makeBus(platform, { clusterId: 'bbb' });
  const front = await makeBus(platform, {});
  two.bus.serve('x', () => 1);
  await t.rejects(one.bus.call(two.bus.self.address, 'x', 1, SOON), {
    code: 'unavailable',
    message: /cluster bbb|cluster aaa/,
  });
  t.equal(await front.bus.call(two.bus.self.address, 'x', 1, SOON), 1, 'who does not know it yet is let in');
  const closing = Promise.all([one.bus.close(), two.bus.close(), front.bus.close()]);
  await platform.clock.advance(BUS_LIMITS.closeGraceMs);
  await closing;
});

void t.test('more calls at once than the limit are refused here', async (t) => {
  const pair = await makePair({ callsMax: 2 });
  const release = Promise.withResolvers<void>();
  pair.server.serve('hold', () => release.promise);
  const to = pair.server.self.address;
  const held = [1, 2].map(() => pair.client.call(to, 'hold', 1, SOON));
  await settle();
  t.equal(await codeOf(pair.client.call(to, 'hold', 1, SOON)), 'unavailable');
  release.resolve();
  await Promise.all(held);
  await pair.close();
});

void t.test('a silent peer is pinged, then dropped; a peer that answers stays', async (t) => {
  const pair = await makePair();
  pair.server.serve('echo', (body) => body);
  const to = pair.server.self.address;
  await pair.client.call(to, 'echo', 1, SOON);
  let downs = 0;
  pair.client.onPeer((_, up) => {
    if (!up) downs++;
  });
  await pair.platform.clock.advance(10 * BUS_LIMITS.silentMs);
  t.equal(downs, 0);
  const mute: RawPeer[] = [];
  const listener = await pair.platform.net.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    const peer = new RawPeer(connection);
    mute.push(peer);
    peer.write(HELLO_FRAME);
  });
  const asked = codeOf(pair.client.call(listener.address, 'x', 1, { timeoutMs: 60_000 }));
  await pair.platform.clock.advance(BUS_LIMITS.silentMs + BUS_LIMITS.pingAfterMs);
  t.equal(await asked, 'unknown');
  t.ok(mute[0]?.types().includes(FrameType.ping));
  t.equal(downs, 1);
  await listener.close();
  await pair.close();
});

void t.test('a process that stood still does not take its peers for gone', async (t) => {
  const pair = await makePair();
  pair.server.serve('echo', (body) => body);
  await pair.client.call(pair.server.self.address, 'echo', 1, SOON);
  let downs = 0;
  pair.client.onPeer((_, up) => {
    if (!up) downs++;
  });
  pair.platform.clock.leap(10 * BUS_LIMITS.silentMs);
  await pair.platform.clock.advance(5 * BUS_LIMITS.pingAfterMs);
  t.equal(downs, 0);
  await pair.close();
});

void t.test('a connection of no use is ended', async (t) => {
  const pair = await makePair({ idleMs: 3000 });
  pair.server.serve('echo', (body) => body);
  await pair.client.call(pair.server.self.address, 'echo', 1, SOON);
  let downs = 0;
  pair.client.onPeer((_, up) => {
    if (!up) downs++;
  });
  await pair.platform.clock.advance(2000);
  t.equal(downs, 0);
  await pair.platform.clock.advance(2000);
  t.equal(downs, 1);
  t.equal(await pair.client.call(pair.server.self.address, 'echo', 1, SOON), 1);
  await pair.close();
});

void t.test('no hello in time', async (t) => {
  const platform = memoryPlatform();
  const { bus } = await makeBus(platform);
  const peer = await RawPeer.dial(platform, bus.self.address);
  await platform.clock.advance(BUS_LIMITS.helloTimeoutMs + BUS_LIMITS.closeGraceMs);
  t.same(peer.types(), [FrameType.close]);
  t.ok(peer.closed);
  peer.write(encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(0)));
  await bus.close();
});

void t.test('so many calls, and so many octets, wait to be sent; more are refused', async (t) => {
  const limits = { callsMax: 3, callOctetsMax: 1000, begunOctetsMax: 2000, callsQueuedOctetsMax: 2500 };
  const client = await makeBus(memoryPlatform(), { limits: { ...limits, streamMessageOctetsMax: 1000 } });
  const nowhere = { host: '127.0.0.1', port: 1 };
  const waiting = (octets: number) => client.bus.call(nowhere, 'echo', Buffer.alloc(octets), SOON);
  const reasons = [900, 900, 900, 1, 1].map((octets) =>
    waiting(octets).catch((error: Failure) => `${error.code} ${/too many/.test(error.message)}`),
  );
  t.strictSame(
    await Promise.all(reasons),
    ['false', 'false', 'true', 'false', 'true'].map((refused) => `unavailable ${refused}`),
    'two fit, the third has too many octets, and after a fourth there are three',
  );
  const again = await waiting(900).catch((error: Failure) => error.message);
  t.notMatch(again, /too many/, 'they wait no longer');
  await client.bus.close();
});

void t.test('requests that wait for credit are bounded in octets', async (t) => {
  const limits = {
    callOctetsMax: 1000,
    streamMessageOctetsMax: 1000,
    begunOctetsMax: 2000,
    callsQueuedOctetsMax: 3000,
    frameOctetsMax: 1000,
    connectionCredit: 1000,
    heldCallOctetsMax: 0,
  };
  const pair = await makePair(limits);
  const release = Promise.withResolvers<void>();
  pair.server.serve('slow', () => release.promise.then(() => 1));
  const to = pair.server.self.address;
  const calls: Promise<string>[] = [];
  const call = (): void => void calls.push(codeOf(pair.client.call(to, 'slow', Buffer.alloc(900), SOON)));
  call();
  await settle();
  for (let i = 0; i < 6; i++) call();
  await settle();
  const over = await Promise.race([calls[6], settle().then(() => 'waits')]);
  t.equal(over, 'unavailable', 'one too many');
  release.resolve();
  await settle();
  t.ok((await Promise.all(calls)).filter((code) => code === 'no failure').length >= 4);
  t.equal(await codeOf(pair.client.call(to, 'slow', Buffer.alloc(900), SOON)), 'no failure', 'room again');
  await pair.close();
});

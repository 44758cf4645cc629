/** Streams: order, both directions, credit of each alone, ends, resets, limits. */
import t from 'tap';
import type { Body, BusStream } from '../../../src/cluster/bus/types.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { codeOf, makePair, type Pair, settle } from './support.ts';

const SOON = { timeoutMs: 1000 };

async function opened(pair: Pair, service = 's'): Promise<readonly [near: BusStream, far: BusStream]> {
  const accepted = Promise.withResolvers<BusStream>();
  pair.server.onStream(service, (_, stream) => accepted.resolve(stream));
  const near = await pair.client.open(pair.server.self.address, service, { hello: 1 }, SOON);
  return [near, await accepted.promise];
}

async function all(stream: BusStream): Promise<Body[]> {
  const got: Body[] = [];
  for await (const message of stream.messages) got.push(message);
  return got;
}

void t.test('messages both ways, in order, then the ends', async (t) => {
  const pair = await makePair();
  const [near, far] = await opened(pair);
  t.equal(far.peer.member, 'client');
  t.equal(near.peer.member, 'server');
  const sizes = [0, 1, 100, 70_000, 1, 600_000, 5];
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    const got = all(to);
    for (const size of sizes) await from.send(Buffer.alloc(size, 3));
    from.end();
    t.equal(await codeOf(from.send(1)), 'unavailable', 'nothing after the end');
    t.same(
      (await got).map((message) => (message as Buffer).length),
      sizes,
    );
  }
  t.ok(near.closed.aborted && far.closed.aborted);
  await pair.close();
});

void t.test('a consumer that is slow stops its sender, not the others', async (t) => {
  const pair = await makePair();
  pair.server.serve('echo', (body) => body);
  const [near, far] = await opened(pair);
  let sent = 0;
  const sending = (async () => {
    for (let i = 0; i < 100; i++) {
      await near.send(Buffer.alloc(50_000, i));
      sent++;
    }
    near.end();
  })();
  await settle();
  t.ok(sent >= 5 && sent <= 7, `${sent} messages fill the credit of 256 KiB`);
  const to = pair.server.self.address;
  t.equal(await pair.client.call(to, 'echo', 7, SOON), 7, 'a call passes');
  t.equal(((await pair.client.call(to, 'echo', Buffer.alloc(5 << 20), SOON)) as Buffer).length, 5 << 20);
  const [other, otherFar] = await opened(pair, 'other');
  const got = all(otherFar);
  for (let i = 0; i < 30; i++) await other.send(Buffer.alloc(50_000));
  other.end();
  t.equal((await got).length, 30, 'another stream passes');
  t.ok(sent <= 7);
  t.same(
    (await all(far)).map((message) => (message as Buffer)[0]),
    Array.from({ length: 100 }, (_, i) => i),
  );
  await sending;
  await pair.close();
});

void t.test('a message longer than the credit passes while somebody waits for it', async (t) => {
  const pair = await makePair({ streamCredit: 1000, frameOctetsMax: 512 });
  const [near, far] = await opened(pair);
  const got = all(far);
  for (const size of [50_000, 10, 999, 1000, 1001, 50_000]) await near.send(Buffer.alloc(size, 1));
  near.end();
  t.same(
    (await got).map((message) => (message as Buffer).length),
    [50_000, 10, 999, 1000, 1001, 50_000],
  );
  await pair.close();
});

void t.test('the limits of one message and of what waits for credit', async (t) => {
  const pair = await makePair({
    streamMessageOctetsMax: 10_000,
    streamQueuedOctetsMax: 20_000,
    streamCredit: 100,
  });
  const [near] = await opened(pair);
  t.equal(await codeOf(near.send(Buffer.alloc(10_000))), 'limit', 'with its head it is too long');
  const sends = [1, 2, 3].map(() => codeOf(near.send(Buffer.alloc(9_000))));
  t.equal(await sends[2], 'limit');
  near.reset(new Failure('unavailable', 'enough'));
  t.same(await Promise.all(sends), ['unavailable', 'unavailable', 'limit']);
  t.equal(
    await codeOf(pair.client.open(pair.server.self.address, 's', Buffer.alloc(10_000), SOON)),
    'limit',
    'the body that opens it',
  );
  await pair.close();
});

void t.test('a reset reaches the other side with its code and ends what waits', async (t) => {
  const pair = await makePair();
  const [near, far] = await opened(pair);
  await near.send('before');
  await settle();
  near.reset(new Failure('moved', 'elsewhere'));
  t.equal(await codeOf(near.send(1)), 'moved');
  await settle();
  t.ok(far.closed.aborted);
  t.equal(await codeOf(all(far)), 'moved');
  t.equal(await codeOf(all(near)), 'moved');
  t.equal(await codeOf(far.send(1)), 'moved');
  far.reset(new Error('too late, and harmless'));
  await pair.close();
});

void t.test('a lost connection ends every stream as unknown', async (t) => {
  const pair = await makePair();
  const [near, far] = await opened(pair);
  const outcomes = [codeOf(all(near)), codeOf(all(far))];
  await pair.close();
  t.same(await Promise.all(outcomes), ['unknown', 'unknown']);
  t.ok(near.closed.aborted && far.closed.aborted);
});

void t.test('a service nobody registered, and a handler that throws', async (t) => {
  const pair = await makePair();
  const to = pair.server.self.address;
  const nothing = await pair.client.open(to, 'nothing', 1, SOON);
  t.equal(await codeOf(all(nothing)), 'unavailable');
  pair.server.onStream('refuses', () => {
    throw new Failure('refused', 'not you');
  });
  t.equal(await codeOf(all(await pair.client.open(to, 'refuses', 1, SOON))), 'refused');
  pair.server.onStream('bug', () => {
    throw new TypeError('oops');
  });
  t.equal(await codeOf(all(await pair.client.open(to, 'bug', 1, SOON))), 'unknown');
  t.equal(await codeOf(pair.client.open({ host: '127.0.0.1', port: 1 }, 's', 1, SOON)), 'unavailable');
  await pair.close();
});

void t.test('more streams than the limit', async (t) => {
  const pair = await makePair({ streamsMax: 2 });
  pair.server.onStream('s', () => undefined);
  const open = (): Promise<BusStream> => pair.client.open(pair.server.self.address, 's', 1, SOON);
  const first = await open();
  await open();
  t.equal(await codeOf(open()), 'unavailable');
  first.reset(new Failure('unavailable', 'done'));
  await open();
  await pair.close();
});

void t.test('what nobody reads is bounded for the whole connection', async (t) => {
  const pair = await makePair({ heldStreamOctetsMax: 100_000 });
  const streams: BusStream[] = [];
  pair.server.onStream('s', (_, stream) => streams.push(stream));
  const near = await Promise.all(
    [1, 2, 3].map(() => pair.client.open(pair.server.self.address, 's', 1, SOON)),
  );
  await settle();
  await Promise.all(near.map((stream) => stream.send(Buffer.alloc(45_000))));
  await settle();
  t.same(
    near.map((stream) => stream.closed.aborted),
    [false, false, true],
  );
  t.equal(await codeOf(all(near[2] as BusStream)), 'limit');
  await pair.close();
});

void t.test('a loop that was left may be taken up again', async (t) => {
  const pair = await makePair();
  const [near, far] = await opened(pair);
  for (const message of [1, 2, 3]) await near.send(message);
  near.end();
  for await (const message of far.messages) {
    t.equal(message, 1);
    break;
  }
  t.same(await all(far), [2, 3]);
  await pair.close();
});

void t.test('what nobody read of a stream that both sides ended counts no more', async (t) => {
  const pair = await makePair({ heldStreamOctetsMax: 100_000 });
  for (let i = 0; i < 5; i++) {
    const accepted = Promise.withResolvers<BusStream>();
    pair.server.onStream(`s${i}`, (_, stream) => accepted.resolve(stream));
    const near = await pair.client.open(pair.server.self.address, `s${i}`, 1, SOON);
    const far = await accepted.promise;
    await near.send(Buffer.alloc(60_000, 1));
    near.end();
    far.end();
    await settle();
    t.ok(far.closed.aborted);
    t.match(far.closed.reason, { message: 'the stream has ended' }, `stream ${i} was not reset`);
    if (i === 4) t.equal(((await all(far))[0] as Buffer).length, 60_000, 'it can be read yet');
  }
  await pair.close();
});

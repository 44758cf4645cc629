/** The bus over real sockets: the same promises, a paused reader, and how long a call takes. */
import t from 'tap';
import { createBus } from '../../../src/cluster/bus/bus.ts';
import type { Body, Bus } from '../../../src/cluster/bus/types.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { codeOf, LOOPBACK } from './support.ts';

const platform = realPlatform();
const make = (name: string): Promise<Bus> =>
  createBus({
    platform,
    self: { member: name, role: 'worker', incarnation: name as Incarnation },
    listen: LOOPBACK,
    logger: noLogger,
  });

void t.test('calls, a large body, streams, the end', async (t) => {
  const [client, server] = [await make('client'), await make('server')];
  const to = server.self.address;
  server.serve('echo', (body) => body);
  server.serve('hang', () => new Promise<Body>(() => undefined));
  server.onStream('count', (body, stream) => {
    const send = async (): Promise<void> => {
      for (let i = 0; i < (body as number); i++) await stream.send(Buffer.alloc(20_000, i));
      stream.end();
    };
    send().catch((error: unknown) => stream.reset(error as Error));
  });
  t.same(await client.call(to, 'echo', { a: 1 }, { timeoutMs: 5000 }), { a: 1 });
  const large = Buffer.alloc(16 << 20, 5);
  t.ok(large.equals((await client.call(to, 'echo', large, { timeoutMs: 5000 })) as Buffer));
  const stream = await client.open(to, 'count', 50, { timeoutMs: 5000 });
  let messages = 0;
  for await (const message of stream.messages) t.equal((message as Buffer)[0], messages++);
  t.equal(messages, 50);
  const hanging = codeOf(client.call(to, 'hang', 1, { timeoutMs: 5000 }));
  await client.call(to, 'echo', 1, { timeoutMs: 5000 });
  await server.close();
  t.equal(await hanging, 'unknown');
  t.equal(await codeOf(client.call(to, 'echo', 1, { timeoutMs: 5000 })), 'unavailable');
  await client.close();
});

void t.test('how long a 4 KiB call takes', async (t) => {
  const [client, server] = [await make('client'), await make('server')];
  const to = server.self.address;
  server.serve('echo', () => 1);
  const body = { slot: 7, content: Buffer.alloc(4096, 1) };
  const run = async (calls: number): Promise<void> => {
    for (let i = 0; i < calls; i++) await client.call(to, 'echo', body, { timeoutMs: 5000 });
  };
  await run(500);
  const startMs = platform.clock.monotonicMs();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: 20 }, () => run(200)));
  const used = process.cpuUsage(cpu);
  const ms = platform.clock.monotonicMs() - startMs;
  t.comment(
    `20 at a time: ${Math.round(4_000_000 / ms)} calls/s, ${((used.user + used.system) / 4000).toFixed(1)} µs CPU a call, both sides`,
  );
  t.pass('measured');
  await Promise.all([client.close(), server.close()]);
});

/** Life connections: only a FIN followed by a refused connection proves a death. */
import t from 'tap';
import { LifeWatch, openLifeSocket } from '../../../src/cluster/leases/life.ts';
import type { Connection, Listener } from '../../../src/platform/platform.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';

const ID = 'd'.repeat(32) as Incarnation;
const HOST = '10.0.0.1';

/** A life socket whose connections and listener the test ends as a kernel would. */
async function rig() {
  const platform = memoryPlatform();
  const accepted: Connection[] = [];
  const life = await platform.net.listen({ host: HOST, port: 0 }, (connection) => {
    accepted.push(connection);
    connection.start({ data: () => undefined, closed: () => undefined });
    connection.write(Buffer.from(ID));
  });
  const proven: Incarnation[] = [];
  const watch = new LifeWatch(platform.net, platform.clock, 150, (incarnation) => proven.push(incarnation));
  watch.watch([{ incarnation: ID, life: life.address }]);
  await platform.clock.advance(1);
  return { platform, accepted, life, proven, watch };
}

void t.test('the worker says who it is and nothing more', async (t) => {
  const { net, clock } = memoryPlatform();
  const listener: Listener = await openLifeSocket(net, HOST, ID);
  const connection = await net.connect(listener.address, { timeoutMs: 100 });
  const got: Buffer[] = [];
  connection.start({ data: (bytes) => got.push(bytes), closed: () => undefined });
  await clock.advance(1000);
  t.equal(Buffer.concat(got).toString(), ID);
});

void t.test('a FIN and a refused connection: dead', async (t) => {
  const { platform, accepted, life, proven } = await rig();
  t.equal(accepted.length, 1);
  await life.close();
  accepted[0]!.end();
  await platform.clock.advance(10);
  t.same(proven, [ID]);
});

void t.test('a FIN alone is no proof: it is connected to again', async (t) => {
  const { platform, accepted, proven } = await rig();
  accepted[0]!.end();
  await platform.clock.advance(1000);
  t.same(proven, []);
  t.equal(accepted.length, 2);
});

void t.test('"never RST": nothing is proven by it, nor by the refusal after it', async (t) => {
  const { platform, accepted, life, proven } = await rig();
  await life.close();
  accepted[0]!.destroy();
  await platform.clock.advance(2000);
  t.same(proven, []);
});

void t.test(
  '"or time-out": a connection attempt without an answer proves nothing, a later refusal does',
  async (t) => {
    const { platform, accepted, life, proven } = await rig();
    platform.net.silent = true;
    await life.close();
    accepted[0]!.end();
    await platform.clock.advance(1000);
    t.same(proven, []);
    platform.net.silent = false;
    await platform.clock.advance(1000);
    t.same(proven, [ID]);
  },
);

void t.test('a kernel that ends a process and closes its listener last: the question goes on', async (t) => {
  const { platform, accepted, life, proven } = await rig();
  accepted[0]!.end();
  await platform.clock.advance(1);
  // Taken into the backlog of a listener whose process is dead: no hello, and then a reset.
  t.equal(accepted.length, 2, 'asked again at once');
  accepted[1]!.destroy();
  await life.close();
  await platform.clock.advance(50);
  t.same(proven, [], 'it had said its hello, so the process was alive');
});

void t.test('… and without that hello a refusal proves it', async (t) => {
  const platform = memoryPlatform();
  const proven: Incarnation[] = [];
  const accepted: Connection[] = [];
  const life = await platform.net.listen({ host: HOST, port: 0 }, (connection) => {
    connection.start({ data: () => undefined, closed: () => undefined });
    if (accepted.push(connection) === 1) connection.write(Buffer.from(ID));
    else connection.destroy();
  });
  const watch = new LifeWatch(platform.net, platform.clock, 150, (incarnation) => proven.push(incarnation));
  watch.watch([{ incarnation: ID, life: life.address }]);
  await platform.clock.advance(1);
  accepted[0]!.end();
  await platform.clock.advance(10);
  t.equal(accepted.length, 2);
  t.same(proven, []);
  await life.close();
  await platform.clock.advance(50);
  t.same(proven, [ID]);
  watch.stop();
});

void t.test('another process on that port says another hello, and its end proves nothing', async (t) => {
  const platform = memoryPlatform();
  const proven: Incarnation[] = [];
  let accepted: Connection | undefined;
  const life = await platform.net.listen({ host: HOST, port: 0 }, (connection) => {
    accepted = connection;
    connection.start({ data: () => undefined, closed: () => undefined });
    connection.write(Buffer.from('e'.repeat(32)));
  });
  const watch = new LifeWatch(platform.net, platform.clock, 150, (incarnation) => proven.push(incarnation));
  watch.watch([{ incarnation: ID, life: life.address }]);
  await platform.clock.advance(1);
  await life.close();
  accepted!.end();
  await platform.clock.advance(2000);
  t.same(proven, []);
  watch.stop();
});

void t.test('a worker no longer watched', async (t) => {
  const { platform, accepted, life, proven, watch } = await rig();
  watch.watch([]);
  await life.close();
  accepted[0]!.end();
  await platform.clock.advance(2000);
  t.same(proven, []);
});

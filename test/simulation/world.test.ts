/** The world itself: exact replay, order, limits, clocks, crashes and pauses of processes and machines. */
import t from 'tap';
import type { Platform } from '../../src/platform/platform.ts';
import { Prng } from '../support/prng.ts';
import { EventQueue } from './event-queue.ts';
import { STORMY } from './faults.ts';
import { World } from './world.ts';

/** A few processes that write, list, talk and sleep for ever, each in its own way. */
function busy(platform: Platform, name: string, peer: string): void {
  const { clock, fs, net, random } = platform;
  const talk = async () => {
    for (let round = 0; ; round++) {
      await clock.sleep(random.below(20));
      const path = `/busy/${name}-${round}-${random.below(1_000_000)}`;
      try {
        await fs.makeDirectory('/busy');
        const file = await fs.createExclusive(path);
        await file.writeDurably([random.bytes(random.below(9000))], 0);
        await fs.list('/busy');
        if (random.below(3) === 0) await fs.remove(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      }
      net
        .connect({ host: peer, port: 25 }, { timeoutMs: 200 })
        .then((connection) => {
          connection.start({ data: () => undefined, closed: () => undefined });
          connection.write(random.bytes(random.below(3000)));
          if (random.below(2) === 0) connection.end();
          else connection.destroy();
        })
        .catch(() => undefined);
    }
  };
  void net.listen({ host: '0.0.0.0', port: 25 }, (connection) =>
    connection.start({ data: () => undefined, closed: () => undefined }),
  );
  void talk();
}

async function stormyRun(seed: number): Promise<World> {
  const world = new World({ seed, faults: STORMY });
  const names = ['a', 'b', 'c'];
  const machines = names.map((name) => world.machine(name));
  const start = (index: number) =>
    busy(machines[index]!.process('p').platform, names[index]!, machines[(index + 1) % 3]!.host);
  names.forEach((_, index) => start(index));
  await world.run(100);
  machines[0]!.process('p').crash();
  machines[1]!.pause('still');
  await world.run(200);
  start(0);
  machines[1]!.resume();
  machines[2]!.crash();
  world.network.cut(machines[0]!, machines[1]!);
  await world.run(300);
  machines[2]!.start();
  start(2);
  world.heal();
  await world.run(400);
  return world;
}

void t.test('the same seed gives the same events, another seed others', async (t) => {
  const [first, again, other] = [await stormyRun(7), await stormyRun(7), await stormyRun(8)];
  t.ok(first.trace.count > 300, `${first.trace.count} events`);
  t.equal(again.trace.hash, first.trace.hash);
  t.equal(again.trace.count, first.trace.count);
  t.equal(again.trace.text(), first.trace.text());
  t.equal(again.counters.text(), first.counters.text());
  t.not(other.trace.hash, first.trace.hash);
});

void t.test('events come by time, those of one time in an order of the seed', async (t) => {
  const order = (seed: number) => {
    const queue = new EventQueue(new Prng(seed));
    const random = new Prng('times');
    for (let i = 0; i < 300; i++)
      queue.push({ atMs: random.below(20), label: String(i), run: () => undefined });
    const popped: { readonly atMs: number; readonly label: string }[] = [];
    for (let event = queue.pop(); event !== undefined; event = queue.pop()) popped.push(event);
    t.equal(popped.length, 300);
    for (let i = 1; i < popped.length; i++) t.ok(popped[i - 1]!.atMs <= popped[i]!.atMs);
    return popped.map(({ label }) => label).join();
  };
  t.equal(order(1), order(1));
  t.not(order(1), order(2));
});

void t.test('what an event set going in promises is done before the next event', async (t) => {
  const world = new World({ seed: 1 });
  const { clock } = world.machine('a').process('p').platform;
  const order: string[] = [];
  clock.timer(1, () => {
    void (async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      order.push('promises of the first');
    })();
  });
  clock.timer(1.001, () => order.push('second'));
  await world.run(5);
  t.same(order, ['promises of the first', 'second']);
});

void t.test('a run ends with seed and trace when it can go nowhere', async (t) => {
  const world = new World({ seed: 'abc' });
  const { clock } = world.machine('a').process('p').platform;
  await t.rejects(
    world.run(() => false),
    { message: /^nothing is left to happen; seed abc/ },
  );
  const again = () => clock.timer(1, again);
  again();
  await t.rejects(
    world.run(() => false, { eventsMax: 10 }),
    { message: /^too many events; seed abc[^]*a\/p timer/ },
  );
  await t.rejects(
    world.run(() => false, { untilMs: world.nowMs + 50 }),
    { message: /^not so by/ },
  );
  await t.rejects(world.settle(new Promise(() => undefined), 50), { name: 'SimulationError' });
  clock.timer(1, () => {
    throw new Error('our bug');
  });
  await t.rejects(world.run(world.nowMs + 10), { message: /^an event threw: our bug; seed abc/ });
});

void t.test('settle gives the value or throws the reason', async (t) => {
  const world = new World({ seed: 1 });
  const { clock } = world.machine('a').process('p').platform;
  t.equal(
    await world.settle(
      clock.sleep(10).then(() => 42),
      100,
    ),
    42,
  );
  await t.rejects(
    world.settle(
      clock.sleep(10).then(() => Promise.reject(new Error('no'))),
      100,
    ),
    { message: 'no' },
  );
});

void t.test('nothing happens to a crashed process, and its name can start again', async (t) => {
  const world = new World({ seed: 1 });
  const machine = world.machine('a');
  world.storage.tree.makeDirectory('/d');
  const first = machine.process('p');
  const { clock, fs, net } = first.platform;
  const happened: string[] = [];
  clock.timer(10, () => happened.push('timer'));
  void clock.sleep(10).finally(() => happened.push('sleep'));
  void fs.list('/d').finally(() => happened.push('list'));
  void net.connect({ host: '10.9.9.9', port: 1 }, { timeoutMs: 20 }).catch(() => happened.push('connect'));
  first.crash();
  clock.timer(1, () => happened.push('timer of a dead one'));
  void fs.list('/d').finally(() => happened.push('list of a dead one'));
  void net.listen({ host: '0.0.0.0', port: 1 }, () => undefined).finally(() => happened.push('listen'));
  void net.connect({ host: machine.host, port: 1 }, { timeoutMs: 5 }).catch(() => happened.push('dial'));
  await world.run(1000);
  t.same(happened, []);
  const second = machine.process('p');
  t.not(second, first);
  t.equal(machine.process('p'), second);
  t.notSame(second.platform.random.bytes(8), first.platform.random.bytes(8));
  t.same(await world.settle(second.platform.fs.list('/d'), 100), []);
});

void t.test('a paused process learns of everything later; its clock goes on', async (t) => {
  const world = new World({ seed: 1 });
  const process = world.machine('a').process('p');
  const { clock } = process.platform;
  const ran: number[] = [];
  const startMs = clock.monotonicMs();
  clock.timer(10, () => ran.push(clock.monotonicMs() - startMs));
  process.pause();
  await world.run(500);
  t.same(ran, []);
  process.resume();
  await world.run(501);
  t.same(ran, [500]);
});

for (const mode of ['running', 'still'] as const)
  void t.test(`a paused machine with its clock ${mode}`, async (t) => {
    const world = new World({ seed: 1 });
    const machine = world.machine('a');
    const { clock } = machine.process('p').platform;
    const startMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    let ranAtMs = -1;
    clock.timer(100, () => {
      ranAtMs = world.nowMs;
    });
    await world.run(40);
    machine.pause(mode);
    await world.run(1040);
    machine.resume();
    t.equal(Math.round(clock.monotonicMs() - startMs), mode === 'still' ? 40 : 1040);
    t.equal(clock.wallMs() - wallMs, 1040, 'the wall clock goes on');
    await world.run(1030 + 1000);
    t.equal(Math.round(ranAtMs), mode === 'still' ? 1100 : 1040);
  });

void t.test('clocks have rates of their own, timers follow them', async (t) => {
  const world = new World({ seed: 3, faults: { clockRate: 0.1, wallSkewMs: 10_000 } });
  const machines = ['a', 'b', 'c', 'd'].map((name) => world.machine(name));
  const rates = machines.map((machine) => machine.clock.rate);
  t.equal(new Set(rates).size, 4);
  for (const rate of rates) t.ok(rate >= 0.9 && rate <= 1.1);
  for (const machine of machines) {
    const startMs = world.nowMs;
    await world.settle(machine.process('p').platform.clock.sleep(10_000), 20_000);
    t.ok(Math.abs((world.nowMs - startMs) * machine.clock.rate - 10_000) < 0.01);
  }
  const { clock } = machines[0]!.process('p').platform;
  const before = clock.wallMs();
  machines[0]!.clock.jumpWall(-5000);
  t.equal(clock.wallMs(), before - 5000);
});

void t.test('a machine that is off has no processes until it is started', async (t) => {
  const world = new World({ seed: 1 });
  const machine = world.machine('a');
  const process = machine.process('p');
  machine.crash();
  t.ok(process.crashed);
  t.throws(() => machine.process('p'));
  machine.start();
  t.notOk(machine.process('p').crashed);
  t.equal(machine.process('p').platform.clock.monotonicMs(), 0, 'it counts from its start');
});

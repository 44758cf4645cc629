/** Storms: whatever a nemesis and the faults do, what the platform promises holds. */
import t from 'tap';
import type { Platform } from '../../src/platform/platform.ts';
import { STORMY } from './faults.ts';
import { EVERY_HARM, type Harm, Nemesis } from './nemesis.ts';
import { World } from './world.ts';

const SEEDS = 12;
const STORM_MS = 3000;
const CHUNK_OCTETS = 3000;

interface Ledger {
  /** By file: octets whose write was answered. */
  readonly durable: Map<string, number>;
  /** By number: who was told that it won. */
  readonly winners: Map<string, string[]>;
}

/** Competes for the next number as a taker does, appends to it until something fails, competes again. */
async function writer(platform: Platform, name: string, ledger: Ledger): Promise<void> {
  const { clock, fs, random } = platform;
  for (;;) {
    await clock.sleep(random.below(30));
    try {
      const numbers = (await fs.list('/log')).map((entry) => Number.parseInt(entry, 10));
      const path = `/log/${Math.max(0, ...numbers) + 1}`;
      const file = await fs.createExclusive(path);
      ledger.winners.set(path, [...(ledger.winners.get(path) ?? []), name]);
      for (let length = 0; length < 10 * CHUNK_OCTETS; ) {
        const octets = 1 + random.below(CHUNK_OCTETS);
        await file.writeDurably([pattern(length, octets)], length);
        length += octets;
        ledger.durable.set(path, length);
      }
      await file.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
}

const PERIOD = 250;
const PATTERN = Buffer.alloc(
  20 * CHUNK_OCTETS,
  Buffer.from(Array.from({ length: PERIOD }, (_, index) => 1 + index)),
);

/** Octets that tell where in a file they belong. */
function pattern(from: number, octets: number): Buffer {
  return PATTERN.subarray(from % PERIOD, (from % PERIOD) + octets);
}

async function storm(seed: number): Promise<{ world: World; ledger: Ledger; harms: number }> {
  const world = new World({ seed, faults: STORMY });
  const ledger: Ledger = { durable: new Map(), winners: new Map() };
  world.storage.tree.makeDirectory('/log');
  let instance = 0;
  const start = (machine: ReturnType<World['machine']>, name: string) => {
    void writer(machine.process(name).platform, `${machine.name}/${name}#${++instance}`, ledger);
  };
  for (const name of ['a', 'b', 'c']) start(world.machine(name), 'w');
  // These writers look for no marker: without the mount they would write where it belongs, and be right for a while.
  const harms = EVERY_HARM.filter((harm) => harm !== 'vanished-storage');
  const nemesis = new Nemesis(world, { harms, restMs: [0, 300], lastsMs: [10, 800], restart: start });
  nemesis.start();
  await world.run(STORM_MS);
  nemesis.stop();
  world.heal();
  await world.run(world.nowMs + 2000);
  return { world, ledger, harms: nemesis.count };
}

void t.test('whatever happens: one winner a name, and what was answered as durable is there', async (t) => {
  let harms = 0;
  const seen = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await storm(seed);
    harms += run.harms;
    for (const kind of run.world.counters.text().split(', ')) seen.add(kind.split(' ')[0]!);
    let isGood = true;
    for (const [path, winners] of run.ledger.winners)
      if (winners.length !== 1) isGood = t.fail(`seed ${seed}: ${path} was won by ${winners.join(' and ')}`);
    for (const [path, octets] of run.ledger.durable) {
      const file = run.world.storage.tree.file(path, 'open');
      if (!file.read(0, octets).equals(pattern(0, octets)))
        isGood = t.fail(`seed ${seed}: ${path} lost durable octets\n${run.world.trace.text(40)}`);
    }
    t.ok(isGood && run.ledger.durable.size > 0, `seed ${seed}: ${run.ledger.durable.size} files`);
  }
  t.ok(harms > 3 * SEEDS, `${harms} harms`);
  // A storm that never tears, loses or delays anything proves nothing.
  for (const kind of [
    'torn-write',
    'late-call',
    'call-lost',
    'lost-reply',
    'no-space',
    'split-write',
    'io-error',
  ])
    t.ok(seen.has(kind), kind);
});

/** Harms that come to be only after a while. */
const LASTING: ReadonlySet<Harm> = new Set(['crash-at-event', 'overtaken', 'overtaken-frozen', 'fill-pool']);
/** Harms that are undone by a restart; who crashes at an event is restarted by whoever looks after processes. */
const RESTARTING: ReadonlySet<Harm> = new Set(['crash-process', 'crash-machine', 'flap-process']);

/** Something happens to the process all the time. */
async function busy({ clock, fs }: Platform): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    await clock.sleep(1);
    fs.list('/d').catch(() => undefined);
  }
}

void t.test('every harm is done, and undone', async (t) => {
  const wanted: Record<Harm, string> = {
    'crash-process': 'process-crash',
    'pause-process': 'process-pause',
    'crash-machine': 'machine-crash',
    'pause-machine': 'machine-pause',
    'freeze-machine': 'machine-freeze',
    'cut-one-way': 'network-cut',
    isolate: 'network-cut',
    'cut-storage': 'storage-cut',
    'stop-storage': 'storage-stop',
    'fill-storage': 'no-space',
    'crash-at-event': 'crash-at-event',
    'flap-process': 'process-crash',
    'cut-pair': 'network-cut',
    split: 'network-split',
    'slow-way': 'slow-way',
    'half-cut-storage': 'storage-half-cut',
    'slow-storage': 'storage-slow',
    'failing-storage': 'storage-failing',
    'vanished-storage': 'storage-vanished',
    'fill-pool': 'pool-full',
    overtaken: 'pause-beyond-lease',
    'overtaken-frozen': 'machine-freeze',
  };
  for (const harm of EVERY_HARM) {
    const world = new World({ seed: harm });
    world.storage.tree.makeDirectory('/d');
    const [a, b] = [world.machine('a'), world.machine('b')];
    const restarted: string[] = [];
    for (const machine of [a, b]) machine.process('p');
    const nemesis = new Nemesis(world, {
      harms: [harm],
      machines: [a],
      restMs: [10, 10],
      lastsMs: [100, 100],
      restart: (machine, name) => restarted.push(machine.process(name).label),
    });
    nemesis.start();
    void busy(a.process('p').platform);
    await world.run(LASTING.has(harm) ? 4000 : 50);
    const during = b.process('p').platform.fs.replace('/d/x', Buffer.from('x'));
    await world.settle(during, 1000).catch(() => undefined);
    t.ok(world.counters.of(wanted[harm] as 'no-space') > 0, harm);
    nemesis.stop();
    const { count } = nemesis;
    await world.run(world.nowMs + 2000);
    t.equal(nemesis.count, count, 'no more after stop');
    t.equal(a.state, 'up');
    t.equal(restarted.length > 0, RESTARTING.has(harm), `${harm} restarts`);
    const { fs, net } = a.process('p').platform;
    await world.settle(fs.replace('/d/y', Buffer.from('y')), 1000);
    await world.settle(
      net.listen({ host: '0.0.0.0', port: 1 }, () => undefined),
      100,
    );
    await world.settle(
      b.process('p').platform.net.connect({ host: a.host, port: 1 }, { timeoutMs: 500 }),
      1000,
    );
  }
});

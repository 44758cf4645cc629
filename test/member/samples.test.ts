/** The figures of a whole member, whichever of its workers is asked. */
import t from 'tap';
import type { MemberStatus } from '../../src/cluster/types.ts';
import { SAMPLES_SERVICE } from '../../src/http/metrics/wire.ts';
import { Measures } from '../../src/lib/measures.ts';
import { measureProcess, memberSamples, serveSamples } from '../../src/member/samples.ts';
import { type MemoryBus, MemoryHub } from '../cluster/memory-bus.ts';
import { ManualClock } from '../support/manual-clock.ts';

function measures(slots: number): Measures {
  const all = new Measures();
  all.gauge('postern_slots_owned', {}, () => slots);
  return all;
}

function member(...workers: readonly MemoryBus[]): MemberStatus {
  return {
    name: 'be1',
    role: 'backend',
    state: 'ready',
    address: workers[0]!.self.address,
    isController: false,
    draining: false,
    controlEpoch: 1,
    version: '',
    uptimeMs: 0,
    refusal: undefined,
    level: 0,
    slots: 0,
    workers: workers.map(({ self: { incarnation, address } }) => ({
      incarnation,
      address,
      pid: 1,
      ready: true,
      slots: 0,
      storageMs: undefined,
      refusal: undefined,
      connections: 0,
    })),
  };
}

void t.test('all that answer in time, each once', async (t) => {
  const clock = new ManualClock();
  const hub = new MemoryHub(clock);
  const [one, two, three] = ['a', 'b', 'c'].map((id) => hub.bus('be1', 'worker', id));
  const supervisor = hub.bus('be1', 'supervisor', 'd');
  if (one === undefined || two === undefined || three === undefined) throw new Error('three workers');
  for (const [bus, name, slots] of [
    [two, '1', 20],
    [supervisor, 'supervisor', 0],
  ] as const)
    serveSamples(bus, name, measures(slots));
  // It hangs.
  three.serve(SAMPLES_SERVICE, () => new Promise(() => undefined));
  const options = {
    bus: one,
    node: { status: () => [member(one, two, three)] },
    supervisor: supervisor.self.address,
    worker: '0',
    measures: measures(10),
  };
  const asked = memberSamples(options);
  await clock.advance(1000);
  t.strictSame(
    (await asked).map(({ worker, samples }) => [worker, samples[0]?.value]),
    [
      ['0', 10],
      ['1', 20],
      ['supervisor', 0],
    ],
  );
});

void t.test('what another answers wrongly is left out', async (t) => {
  const clock = new ManualClock();
  const hub = new MemoryHub(clock);
  const [one, two] = [hub.bus('be1', 'worker', 'a'), hub.bus('be1', 'worker', 'b')];
  for (const wrong of [
    null,
    7,
    { worker: 1, samples: [] },
    { worker: '1', samples: 'x' },
    { worker: 'x'.repeat(99), samples: [] },
  ]) {
    two.calls.delete(SAMPLES_SERVICE);
    two.serve(SAMPLES_SERVICE, () => wrong);
    const options = {
      bus: one,
      node: { status: () => [member(one, two)] },
      supervisor: two.self.address,
      worker: '0',
      measures: measures(1),
    };
    t.strictSame(
      (await memberSamples(options)).map(({ worker }) => worker),
      ['0'],
    );
  }
});

void t.test('another member is told nothing', async (t) => {
  const hub = new MemoryHub(new ManualClock());
  const [own, other] = [hub.bus('be1', 'worker', 'a'), hub.bus('be2', 'worker', 'b')];
  serveSamples(own, '0', measures(1));
  await t.rejects(other.call(own.self.address, SAMPLES_SERVICE, null, { timeoutMs: 100 }), {
    code: 'refused',
  });
});

void t.test('what a process says of itself is there and makes sense', (t) => {
  const all = new Measures();
  const watching = measureProcess(all, { version: '1', role: 'backend' }, new ManualClock());
  const value = (name: string): number => all.samples().find((each) => each.name === name)?.value as number;
  t.ok(value('postern_resident_memory_bytes') > 2 ** 20);
  t.ok(value('postern_uptime_seconds') > 0);
  const busy = value('postern_event_loop_utilization');
  t.ok(busy >= 0 && busy <= 1, String(busy));
  watching[Symbol.dispose]();
  t.end();
});

void t.test(
  'figures over time do not end with a scrape, but with time: two scrapers are told the same',
  async (t) => {
    const all = new Measures();
    let nowMs = 0;
    using _ = measureProcess(all, { version: '1', role: 'backend' }, { monotonicMs: () => nowMs });
    const longest = (): number =>
      all.samples().find(({ labels }) => labels['statistic'] === 'max')?.value as number;
    await new Promise((resolve) => setTimeout(resolve, 50)); // the monitor has ticked
    const until = performance.now() + 150;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.ok(longest() > 0.1, 'the loop stood still');
    t.ok(longest() > 0.1, 'and the next one is told so too');
    nowMs = 30_000;
    t.ok(longest() > 0.1, 'for a window at least');
    nowMs = 60_000;
    t.ok(longest() < 0.1, 'then it is forgotten');
  },
);

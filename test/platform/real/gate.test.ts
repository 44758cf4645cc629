import fc from 'fast-check';
import t from 'tap';
import { Gate, type Lane } from '../../../src/platform/real/gate.ts';

void t.test('never more in flight than allowed, and first come, first served', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.record({ turns: fc.integer({ min: 0, max: 4 }), fails: fc.boolean() }), { maxLength: 60 }),
      async (max, calls) => {
        const gate = new Gate(max, 1000);
        const started: number[] = [];
        let inFlight = 0;
        const results = calls.map(({ turns, fails }, index) =>
          gate.run(async () => {
            started.push(index);
            inFlight++;
            t.ok(inFlight <= max && gate.inFlight <= max);
            for (let i = 0; i < turns; i++) await Promise.resolve();
            inFlight--;
            if (fails) throw new Error('as asked');
          }),
        );
        const settled = await Promise.allSettled(results);
        t.same(
          started,
          calls.map((_, index) => index),
        );
        t.same(
          settled.map(({ status }) => status === 'rejected'),
          calls.map(({ fails }) => fails),
        );
        t.equal(gate.inFlight, 0, 'a failed call gives its place back');
        t.equal(gate.waiting, 0);
      },
    ),
    { numRuns: 100 },
  );
});

void t.test('a long queue is worked off in order', async (t) => {
  const gate = new Gate(1, 10_000);
  const order: number[] = [];
  await Promise.all(Array.from({ length: 5000 }, (_, index) => gate.run(async () => order.push(index))));
  t.same(
    order,
    Array.from({ length: 5000 }, (_, index) => index),
  );
});

void t.test('refuses with EAGAIN when too many wait, without running the call', async (t) => {
  const gate = new Gate(1, 2);
  const first = Promise.withResolvers<void>();
  const running = [
    gate.run(() => first.promise),
    gate.run(async () => undefined),
    gate.run(async () => undefined),
  ];
  t.equal(gate.waiting, 2);
  await t.rejects(
    gate.run(async () => t.fail('ran')),
    { code: 'EAGAIN' },
  );
  first.resolve();
  await Promise.all(running);
  await gate.run(async () => undefined);
});

/** Calls that run until told otherwise; `started` has their names in the order in which they began. */
function calls(gate: Gate) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, lane: Lane) =>
    gate.run(() => {
      started.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    }, lane);
  const end = async (name: string) => {
    ends.get(name)?.();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { started, run, end };
}

void t.test('the last place is for the urgent, who go first', async (t) => {
  const gate = new Gate(3, 100, 1);
  const { started, run, end } = calls(gate);
  const all = ['open1', 'open2', 'open3', 'open4'].map((name) => run(name, 'usual'));
  t.same(started, ['open1', 'open2'], 'a crowd of openings');
  all.push(run('probe', 'urgent'));
  t.same(started.slice(2), ['probe'], 'does not keep the probe waiting');
  all.push(run('commit1', 'urgent'), run('commit2', 'urgent'));
  await end('probe');
  await end('open1');
  t.same(started.slice(3), ['commit1', 'commit2']);
  await end('open2');
  t.same(started.slice(5), ['open3'], 'but commits do not stop all reading');
  for (const name of ['commit1', 'commit2', 'open3', 'open4']) await end(name);
  await Promise.all(all);
  t.same([gate.inFlight, gate.waiting], [0, 0]);
});

void t.test('with both lines full neither starves', async (t) => {
  const gate = new Gate(4, 1000, 1);
  const done: Lane[] = [];
  const work = (lane: Lane) =>
    gate.run(async () => {
      for (let turn = 0; turn < 3; turn++) await Promise.resolve();
      done.push(lane);
    }, lane);
  const lanes: Lane[] = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? 'usual' : 'urgent'));
  await Promise.all(lanes.map(work));
  const usual = done.slice(0, 200).filter((lane) => lane === 'usual').length;
  t.ok(usual >= 80 && usual <= 120, `${usual} of the first 200`);
});

void t.test('needs at least one place', async (t) => {
  t.throws(() => new Gate(0, 1), RangeError);
  t.throws(() => new Gate(1.5, 1), RangeError);
  for (const reserved of [-1, 0.5, 2]) t.throws(() => new Gate(2, 1, reserved), RangeError);
});

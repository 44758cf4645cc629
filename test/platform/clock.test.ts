import t from 'tap';
import { RealClock } from '../../src/platform/real/clock.ts';
import { World } from '../simulation/world.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { clockSpec } from './clock.spec.ts';

void t.test('real', async (t) =>
  clockSpec(t, async () => ({ clock: new RealClock(), run: (body) => body() })),
);

void t.test('moved by hand', async (t) =>
  clockSpec(t, async () => {
    const clock = new ManualClock();
    return {
      clock,
      run: async (body) => {
        const progress = { settled: false };
        const result = body().finally(() => {
          progress.settled = true;
        });
        while (!progress.settled) await clock.advance(1);
        return result;
      },
    };
  }),
);

void t.test('simulated, with a rate of its own and late timers', async (t) =>
  clockSpec(t, async (t) => {
    const world = new World({ seed: t.name, faults: { clockRate: 0.1, wallSkewMs: 5000 } });
    return {
      clock: world.machine('a').process('p').platform.clock,
      run: (body) => world.settle(body(), 60_000),
    };
  }),
);

void t.test('the real clock waits longer than setTimeout can', async (t) => {
  const clock = new RealClock();
  const timer = clock.timer(2 ** 40, () => t.fail('ran'));
  await clock.sleep(5);
  timer.cancel();
  t.pass();
});

void t.test('the clock moved by hand', async (t) => {
  const clock = new ManualClock({ monotonicMs: 0, wallMs: 5_000_000 });
  const ran: string[] = [];
  void clock.sleep(10).then(async () => {
    ran.push('ten');
    await clock.sleep(10);
    ran.push('twenty');
  });
  clock.timer(15, () => ran.push('fifteen'));
  await clock.advance(9);
  t.same(ran, []);
  await clock.advance(11);
  t.same(ran, ['ten', 'fifteen', 'twenty'], 'what a timer set going is done before the next');
  t.equal(clock.monotonicMs(), 20);
  t.equal(clock.wallMs(), 5_000_020);
  t.equal(clock.timers, 0);
  clock.setWall(1000);
  clock.timer(5, () => ran.push('late'));
  clock.leap(50);
  t.equal(ran.length, 3, 'a leap runs nothing');
  t.equal(clock.wallMs(), 1050);
  await clock.advance(0);
  t.equal(ran.length, 4);
});

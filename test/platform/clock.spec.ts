/** What every `Clock` must do, run against the real one, the one moved by hand and the simulated one. */
import type { Test } from 'tap';
import type { Clock } from '../../src/platform/platform.ts';

export interface ClockWorld {
  readonly clock: Clock;
  run<T>(body: () => Promise<T>): Promise<T>;
}

export function clockSpec(t: Test, make: (t: Test) => Promise<ClockWorld>): void {
  const spec = (name: string, body: (t: Test, clock: Clock) => Promise<void>) =>
    void t.test(name, async (t) => {
      const world = await make(t);
      await world.run(() => body(t, world.clock));
    });

  spec('runs timers once, in the order of their times, never early', async (t, clock) => {
    const startMs = clock.monotonicMs();
    const ran: number[] = [];
    await new Promise<void>((resolve) => {
      for (const delayMs of [30, 5.5, 0, 17, -4])
        clock.timer(delayMs, () => {
          t.ok(clock.monotonicMs() - startMs >= delayMs, `${delayMs} ms have passed`);
          ran.push(delayMs);
          if (delayMs === 30) resolve();
        });
    });
    t.same(ran.slice(-3), [5.5, 17, 30]);
    t.equal(ran.length, 5);
  });

  spec('never runs a timer in the turn that set it', async (t, clock) => {
    let ran = false;
    clock.timer(0, () => {
      ran = true;
    });
    t.notOk(ran);
    await clock.sleep(2);
    t.ok(ran);
  });

  spec('never runs a cancelled timer', async (t, clock) => {
    const timer = clock.timer(5, () => t.fail('ran'));
    timer.cancel();
    timer.cancel();
    const ran = clock.timer(1, () => undefined);
    await clock.sleep(15);
    ran.cancel();
  });

  spec('wants a number, and can wait for ever', async (t, clock) => {
    t.throws(() => clock.timer(Number.NaN, () => undefined), RangeError);
    const never = clock.timer(Number.POSITIVE_INFINITY, () => t.fail('ran'));
    await clock.sleep(3);
    never.cancel();
  });

  spec('sleeps, and wakes with the reason when aborted', async (t, clock) => {
    const before = clock.monotonicMs();
    await clock.sleep(10);
    t.ok(clock.monotonicMs() - before >= 10);
    const reason = new Error('enough');
    const controller = new AbortController();
    const sleep = clock.sleep(60_000, controller.signal);
    clock.timer(3, () => controller.abort(reason));
    await t.rejects(sleep, reason);
    await t.rejects(clock.sleep(60_000, controller.signal), reason, 'aborted before');
    await clock.sleep(1, new AbortController().signal);
  });

  spec('shows a plausible wall clock in whole milliseconds', async (t, clock) => {
    t.ok(Number.isInteger(clock.wallMs()));
    t.ok(clock.wallMs() > Date.UTC(2025, 0, 1));
  });
}

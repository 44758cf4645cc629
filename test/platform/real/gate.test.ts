import fc from 'fast-check';
import t from 'tap';
import { Gate } from '../../../src/platform/real/gate.ts';

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

void t.test('needs at least one place', async (t) => {
  t.throws(() => new Gate(0, 1), RangeError);
  t.throws(() => new Gate(1.5, 1), RangeError);
});

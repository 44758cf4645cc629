/** What the bus may do at its worst: an answer lost is 'unknown', a request that may be put again arrives twice. */
import t from 'tap';
import type { Bus } from '../../../src/cluster/bus/types.ts';
import { World } from '../world.ts';
import { delegateBus, unreliable } from './unreliable-bus.ts';

const TO = { host: '10.0.0.1', port: 1 };
const OPTIONS = { timeoutMs: 1000 };

function setUp(faults: { readonly answerLost?: number; readonly requestTwice?: number }) {
  const world = new World({ seed: 1, faults });
  const asked: string[] = [];
  const handlers: ((body: unknown) => unknown)[] = [];
  const inner = {
    call: async (_to: unknown, service: string, body: unknown) => {
      asked.push(service);
      return handlers[0]?.(body) ?? 'answer';
    },
    serve: (_service: string, handler: (body: unknown) => unknown) => void handlers.push(handler),
  } as unknown as Bus;
  const bus = unreliable(delegateBus2(inner), world, new Set());
  return { world, bus, asked };
}

/** `delegateBus` reads every member, which this half of one has not. */
function delegateBus2(inner: Bus): Bus {
  const nothing = () => undefined;
  return { ...delegateBus({ ...inner, onPeer: nothing } as unknown as Bus), ...inner };
}

void t.test('as it is, without faults', async (t) => {
  const { bus, asked } = setUp({});
  t.equal(await bus.call(TO, 'mail.deliver', { request: 'r' }, OPTIONS), 'answer');
  t.same(asked, ['mail.deliver']);
});

void t.test('the answer is lost, the request is not', async (t) => {
  const { world, bus, asked } = setUp({ answerLost: 1 });
  await t.rejects(bus.call(TO, 'x', {}, OPTIONS), { code: 'unknown' });
  t.same(asked, ['x']);
  t.equal(world.counters.of('answer-lost'), 1);
});

void t.test('what can be told apart from others arrives twice, and is counted', async (t) => {
  const { world, bus, asked } = setUp({ requestTwice: 1 });
  bus.serve('x', () => 'served');
  const bodies = [
    { request: 'r' },
    { transaction: { incarnation: 'i', number: 1 } },
    { seq: 1, worker: { incarnation: 'i' } },
    { nothing: 'of the kind' },
    'text',
  ];
  for (const body of bodies) t.equal(await bus.call(TO, 'x', body, OPTIONS), 'served');
  await world.run(1000);
  // A change of names that was answered does not come again.
  t.equal(asked.length, bodies.length + 2);
  t.equal(world.counters.of('request-twice'), 2);
});

/**
 * The bus as it may be at its worst within what it promises (docs/bus.md): an answer that was given does not come
 * ('unknown'), and a request that its sender may put again (it has a transaction, a request id or a sequence number)
 * arrives twice, the second one later, as one that was also relayed does. Counts every request that arrives again,
 * whoever put it.
 */
import type { Bus } from '../../../src/cluster/bus/types.ts';
import { Failure } from '../../../src/lib/failure.ts';
import type { World } from '../world.ts';

/** The second one comes so much later. */
const AGAIN_MS_MAX = 400;

export function unreliable(bus: Bus, world: World, seen: Set<string>): Bus {
  const { random, counters } = world;
  return {
    ...delegateBus(bus),
    serve: (service, handler) =>
      bus.serve(service, (body, context) => {
        const key = identityOf(service, body);
        if (key !== undefined && seen.has(key)) counters.add('request-twice');
        else if (key !== undefined) seen.add(key);
        return handler(body, context);
      }),
    call: async (to, service, body, options) => {
      const { answerLost, requestTwice } = world.faults;
      let isAnswered = false;
      if (requestTwice > 0 && identityOf(service, body) !== undefined && random.chance(requestTwice))
        world.schedule(AGAIN_MS_MAX * random.unit(), `again ${service}`, () => {
          if (isAnswered && !isRemembered(body)) return;
          bus.call(to, service, body, { timeoutMs: options.timeoutMs }).catch(() => undefined);
        });
      const answer = await bus.call(to, service, body, options).finally(() => {
        isAnswered = true;
      });
      if (answerLost > 0 && random.chance(answerLost)) {
        counters.add('answer-lost');
        throw new Failure('unknown', `${service}: the answer is lost`);
      }
      return answer;
    },
  };
}

/**
 * Whether the one asked knows the request again whatever became of it. A change of names that was refused is not
 * remembered: one that arrives again when the reason has gone is done (docs/simulation.md, what it does not find).
 */
function isRemembered(body: unknown): boolean {
  return typeof body !== 'object' || body === null || !('request' in body);
}

/** What makes a request the same as an earlier one; undefined for one that has no such thing. */
function identityOf(service: string, body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { transaction, request, seq, worker } = body as Record<string, unknown>;
  if (typeof transaction === 'object' && transaction !== null) {
    const { incarnation, number } = transaction as Record<string, unknown>;
    return `${service} ${String(incarnation)} ${String(number)}`;
  }
  if (typeof request === 'string') return `${service} ${request}`;
  if (typeof seq === 'number' && typeof worker === 'object' && worker !== null)
    return `${service} ${String((worker as Record<string, unknown>).incarnation)} sequence ${seq}`;
  return undefined;
}

export function delegateBus(bus: Bus): Bus {
  return {
    self: bus.self,
    serve: (...args) => bus.serve(...args),
    onNotice: (...args) => bus.onNotice(...args),
    onStream: (...args) => bus.onStream(...args),
    call: (...args) => bus.call(...args),
    notify: (...args) => bus.notify(...args),
    open: (...args) => bus.open(...args),
    onPeer: (...args) => bus.onPeer(...args),
    close: () => bus.close(),
  };
}

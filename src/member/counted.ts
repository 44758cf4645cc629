/**
 * Commands of mailbox sessions, counted for the slots of their accounts where their streams come in, so that neither IMAP nor
 * POP3 has to know of it. What runs in the host is counted there (`HostOptions.countOperation`).
 */
import type { Bus, BusStream } from '../cluster/bus/types.ts';
import { readObjectId } from '../directory/wire.ts';
import type { Slot } from '../store/ids.ts';
import { slotOfObject } from '../store/slots.ts';

export type Count = (slot: Slot) => void;

/** Streams that name an account when they are opened: each message of them is one more operation on its slot. */
export function countedStreams(bus: Pick<Bus, 'onStream'>, count: Count): Pick<Bus, 'onStream'> {
  return {
    onStream: (service, handler) =>
      bus.onStream(service, (body, stream) => {
        const slot = slotOf(body);
        handler(body, slot === undefined ? stream : countedStream(stream, () => count(slot)));
      }),
  };
}

/** Undefined for what the service is about to refuse. */
function slotOf(body: unknown): Slot | undefined {
  const { object } = (body ?? {}) as { readonly object?: unknown };
  try {
    return slotOfObject(readObjectId(object));
  } catch {
    return undefined;
  }
}

function countedStream(stream: BusStream, count: () => void): BusStream {
  return {
    peer: stream.peer,
    messages: countedMessages(stream.messages, count),
    closed: stream.closed,
    send: (message) => stream.send(message),
    end: () => stream.end(),
    reset: (reason) => stream.reset(reason),
  };
}

function countedMessages<T>(messages: AsyncIterable<T>, count: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await iterator.next();
          if (result.done !== true) count();
          return result;
        },
        async return(value) {
          return (await iterator.return?.(value)) ?? { done: true, value };
        },
      };
    },
  };
}

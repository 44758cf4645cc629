/** Commands of sessions count for the slot of their account, and the session notices nothing. */
import t from 'tap';
import type { Bus, BusStream } from '../../src/cluster/bus/types.ts';
import { countedStreams } from '../../src/member/counted.ts';
import type { DomainId, Slot } from '../../src/store/ids.ts';
import { slotOfObject } from '../../src/store/slots.ts';

const JOE = { domainId: 3 as DomainId, name: 'joe', serial: '10000000a-3' };

/** A stream from a frontend, and what becomes of it. */
class Played {
  readonly sent: unknown[] = [];
  returned = false;
  ended = false;
  reason: Error | undefined;

  stream(messages: readonly unknown[]): BusStream {
    const peer = {} as BusStream['peer'];
    const source = async function* (this: Played) {
      try {
        yield* messages;
      } finally {
        this.returned = true;
      }
    }.bind(this);
    return {
      peer,
      messages: { [Symbol.asyncIterator]: source },
      closed: new AbortController().signal,
      send: async (message) => void this.sent.push(message),
      end: () => void (this.ended = true),
      reset: (reason) => void (this.reason = reason),
    };
  }
}

/** Opens a stream with this body at a service that is counted. */
function open(body: unknown, stream: BusStream): { readonly got: BusStream; readonly counted: Slot[] } {
  const counted: Slot[] = [];
  let got: BusStream | undefined;
  let handler: Parameters<Bus['onStream']>[1] | undefined;
  countedStreams({ onStream: (_, each) => void (handler = each) }, (slot) => counted.push(slot)).onStream(
    'imap.session',
    (_, each) => void (got = each),
  );
  handler?.(body, stream);
  return { got: got!, counted };
}

void t.test('each message is one operation', async (t) => {
  const played = new Played();
  const { got, counted } = open({ object: JOE, state: {} }, played.stream(['a', 'b', 'c']));
  const messages: unknown[] = [];
  for await (const message of got.messages) messages.push(message);
  t.same(messages, ['a', 'b', 'c']);
  t.same(
    counted,
    [1, 2, 3].map(() => slotOfObject(JOE)),
  );
  t.ok(played.returned);
});

void t.test('a session that ends early lets its stream end', async (t) => {
  const played = new Played();
  const { got, counted } = open({ object: JOE }, played.stream(['a', 'b', 'c']));
  for await (const message of got.messages) if (message === 'b') break;
  t.equal(counted.length, 2);
  t.ok(played.returned, 'the stream hears that nobody reads on');
});

void t.test('everything else goes through', async (t) => {
  const played = new Played();
  const stream = played.stream([]);
  const { got } = open({ object: JOE }, stream);
  t.equal(got.peer, stream.peer);
  t.equal(got.closed, stream.closed);
  await got.send('x');
  got.end();
  const why = new Error('why');
  got.reset(why);
  t.same([played.sent, played.ended, played.reason], [['x'], true, why]);
});

void t.test('what names no account is left to the service', async (t) => {
  for (const body of [undefined, null, 5, {}, { object: 'joe' }, { object: { ...JOE, name: 5 } }]) {
    const stream = new Played().stream(['a']);
    const { got, counted } = open(body, stream);
    t.equal(got, stream);
    t.same(counted, []);
  }
});

import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import type { BusStream } from '../../src/cluster/bus/types.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import { type Exchange, OwnerTie } from '../../src/relay/tie.ts';
import { MemoryStream } from '../imap/memory-stream.ts';
import { ID } from '../store/account/support.ts';
import { ManualClock } from '../support/manual-clock.ts';

const STALL_MS = 1000;

/** Owners that a test plays: each stream opened is handed to `owner`, in order. */
function bed(...owners: (((stream: MemoryStream) => void) | FailureCode)[]) {
  const clock = new ManualClock();
  const opened: unknown[] = [];
  const nears: MemoryStream[] = [];
  const timeouts: (number | undefined)[] = [];
  let state = 0;
  const tie = new OwnerTie({
    service: 'test.session',
    object: ID,
    clock,
    stallMs: STALL_MS,
    attach: () => ({ state: ++state }),
    dial: {
      open: async (_slot, _service, body, timeoutMs) => {
        opened.push(body);
        timeouts.push(timeoutMs);
        const owner = owners.length > 1 ? owners.shift()! : owners[0]!;
        if (typeof owner === 'string') throw new Failure(owner, 'as told');
        const [near, far] = MemoryStream.pair();
        nears.push(near);
        owner(far);
        return near;
      },
      changed: (_slot, withinMs) => clock.sleep(withinMs + 1),
    },
  });
  return { tie, clock, opened, nears, timeouts };
}

/** Says this to what it is asked, and ends. */
function answering(...words: readonly string[]) {
  return (stream: MemoryStream): void => {
    void (async () => {
      for await (const asked of stream.messages)
        for (const word of words) await stream.send(`${String(asked)} ${word}`);
    })().catch(() => undefined); // reset by the test
  };
}

const dying = (stream: MemoryStream): void => stream.reset(new Failure('unknown', 'connection lost'));
const silent = (): void => undefined;

class Recorded implements Exchange {
  readonly heard: unknown[] = [];
  asked = 0;
  canGoOn = true;
  isPatient = false;
  async ask(stream: BusStream): Promise<void> {
    this.asked++;
    await stream.send(`question ${this.heard.length}`);
  }
  async take(message: unknown): Promise<boolean> {
    this.heard.push(message);
    return String(message).endsWith('end');
  }
}

async function settled<T>(clock: ManualClock, work: Promise<T>, ms = 10 * STALL_MS): Promise<T> {
  let isOver = false;
  void work.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (let passed = 0; !isOver && passed < ms; passed += 10) await clock.advance(10);
  return work;
}

void t.test('one stream for many exchanges; detached, the next one opens another', async (t) => {
  const { tie, clock, opened, nears } = bed(answering('a', 'end'));
  const exchange = new Recorded();
  await settled(clock, tie.exchange(exchange));
  t.same(exchange.heard, ['question 0 a', 'question 0 end']);
  await settled(clock, tie.exchange(new Recorded()));
  t.equal(opened.length, 1);
  tie.detach();
  await settled(clock, tie.exchange(new Recorded()));
  t.same(opened, [{ state: 1 }, { state: 2 }], 'with the state as it is then');
  t.equal(nears.length, 2);
});

void t.test('a lost owner: the question goes to the next one', async (t) => {
  for (const loss of [dying, 'unavailable', 'moved', 'unknown'] as const) {
    const { tie, clock } = bed(loss, loss, answering('end'));
    const exchange = new Recorded();
    await settled(clock, tie.exchange(exchange));
    t.same(exchange.heard, ['question 0 end']);
  }
});

void t.test('what another owner would say too is not asked again', async (t) => {
  for (const code of ['not-found', 'damaged', 'invalid', 'limit', 'refused', 'no-space'] as const) {
    const { tie, clock, opened } = bed(code, answering('end'));
    await t.rejects(settled(clock, tie.exchange(new Recorded())), { code });
    t.equal(opened.length, 1);
  }
});

void t.test(
  'a session that had its place waits for it: its own earlier stream may be in the way',
  async (t) => {
    const { tie, clock, opened, nears } = bed(answering('end'), 'limit', 'limit', answering('end'));
    await settled(clock, tie.exchange(new Recorded()));
    nears[0]!.reset(new Failure('unknown', 'connection lost'));
    const exchange = new Recorded();
    await settled(clock, tie.exchange(exchange));
    t.same(exchange.heard, ['question 0 end']);
    t.equal(opened.length, 4);
  },
);

void t.test('but not for ever, not in an IDLE either', async (t) => {
  const { tie, clock, nears } = bed(answering('end'), 'limit');
  await settled(clock, tie.exchange(new Recorded()));
  nears[0]!.reset(new Failure('unknown', 'connection lost'));
  const exchange = new Recorded();
  exchange.isPatient = true;
  await t.rejects(settled(clock, tie.exchange(exchange)), { code: 'limit' });
});

void t.test('an exchange that cannot go on is given up', async (t) => {
  const { tie, clock, opened } = bed(dying, answering('end'));
  const exchange = new Recorded();
  exchange.canGoOn = false;
  await t.rejects(settled(clock, tie.exchange(exchange)), { code: 'unknown' });
  t.equal(opened.length, 1);
});

void t.test('silence is borne for so long, not longer; any news begins it anew', async (t) => {
  const { tie, clock, nears } = bed(silent);
  const rejected = t.rejects(tie.exchange(new Recorded()), { code: 'unavailable' });
  await clock.advance(STALL_MS - 1);
  t.notOk(nears[0]?.closed.aborted);
  await clock.advance(1);
  await rejected;
  t.ok(nears[0]?.closed.aborted, 'the owner is told that nobody waits any more');

  let far!: MemoryStream;
  const slow = bed((stream) => (far = stream));
  const exchange = new Recorded();
  const over = slow.tie.exchange(exchange);
  for (const word of ['one', 'two', 'end']) {
    await slow.clock.advance(STALL_MS - 1);
    await far.send(word);
  }
  await slow.clock.advance(0);
  await over;
  t.same(exchange.heard, ['one', 'two', 'end']);
});

void t.test('a client that reads slowly is no silence of the owner', async (t) => {
  const { tie, clock } = bed(answering('a', 'end'));
  const exchange = new (class extends Recorded {
    override async take(message: unknown): Promise<boolean> {
      await clock.sleep(5 * STALL_MS);
      return super.take(message);
    }
  })();
  await settled(clock, tie.exchange(exchange), 20 * STALL_MS);
  t.equal(exchange.heard.length, 2);
  t.equal(exchange.asked, 1);
});

void t.test('a patient exchange has no deadline', async (t) => {
  let far!: MemoryStream;
  const { tie, clock } = bed((stream) => (far = stream));
  const exchange = new Recorded();
  exchange.isPatient = true;
  const over = tie.exchange(exchange);
  await clock.advance(100 * STALL_MS);
  await far.send('end');
  await clock.advance(0);
  await over;
  t.same(exchange.heard, ['end']);
});

void t.test('patience that ends leaves the owner the usual time, not what was left before', async (t) => {
  for (const [afterMs, answers] of [
    [STALL_MS - 1, true],
    [2 * STALL_MS, false],
  ] as const) {
    let far!: MemoryStream;
    const { tie, clock } = bed((stream) => (far = stream));
    const exchange = new Recorded();
    exchange.isPatient = true;
    const over = tie.exchange(exchange);
    const outcome = answers ? t.resolves(over) : t.rejects(over, { code: 'unavailable' });
    await clock.advance(10 * STALL_MS + STALL_MS / 2);
    exchange.isPatient = false;
    await clock.advance(afterMs);
    t.equal(far.closed.aborted, !answers, `${afterMs} ms after the end of patience`);
    if (answers) await far.send('end');
    await clock.advance(0);
    await outcome;
  }
});

void t.test(
  'a patient exchange that is long past its first deadline is opened with time at the next owner',
  async (t) => {
    let far!: MemoryStream;
    const { tie, clock, timeouts } = bed((stream) => (far = stream));
    const exchange = new Recorded();
    exchange.isPatient = true;
    const over = tie.exchange(exchange);
    await clock.advance(20 * STALL_MS);
    dying(far);
    for (let passed = 0; timeouts.length < 2 && passed < STALL_MS; passed++) await clock.advance(1);
    await far.send('end');
    await clock.advance(0);
    await over;
    t.same(timeouts, [STALL_MS, STALL_MS]);
  },
);

void t.test('no owner at all: given up at the deadline, with pauses between the tries', async (t) => {
  const { tie, clock, opened } = bed('unavailable');
  await t.rejects(settled(clock, tie.exchange(new Recorded())), { code: 'unavailable' });
  t.ok(opened.length > 3 && opened.length < 15, `${opened.length} tries`);
});

void t.test('what `take` rejects with is no loss, and comes out as it is', async (t) => {
  const { tie, clock, opened } = bed(answering('a'));
  const gone = new Error('the client is gone');
  const exchange = new (class extends Recorded {
    override take(): Promise<boolean> {
      return Promise.reject(gone);
    }
  })();
  await t.rejects(settled(clock, tie.exchange(exchange)), gone);
  t.equal(opened.length, 1);
  await immediate();
});

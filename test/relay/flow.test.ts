/** A reader that waits: woken by what comes or by the time, and a socket that is paused while too much is unread. */
import t from 'tap';
import { Flow } from '../../src/relay/flow.ts';
import { ManualClock } from '../support/manual-clock.ts';

function bed() {
  const clock = new ManualClock();
  const calls: string[] = [];
  const connection = { pause: () => void calls.push('pause'), resume: () => void calls.push('resume') };
  return { clock, calls, flow: new Flow(connection, clock, 100) };
}

async function isOver(clock: ManualClock, waiting: Promise<void>): Promise<boolean> {
  const over: true[] = [];
  void waiting.then(() => over.push(true));
  await clock.advance(0);
  return over.length > 0;
}

void t.test('asleep until something comes, or the time is up', async (t) => {
  const { clock, flow } = bed();
  for (const happens of [async () => flow.arrived(1), async () => flow.wake(), () => clock.advance(1000)]) {
    const waiting = flow.more(1000);
    await clock.advance(999);
    t.notOk(await isOver(clock, waiting));
    await happens();
    t.ok(await isOver(clock, waiting));
  }
});

void t.test('paused above the limit only; who has read all lets it flow', async (t) => {
  const { calls, flow } = bed();
  flow.arrived(100);
  t.same(calls, []);
  flow.arrived(101);
  t.same(calls, ['pause']);
  void flow.more(1000);
  t.same(calls, ['pause', 'resume']);
  flow.wake();
});

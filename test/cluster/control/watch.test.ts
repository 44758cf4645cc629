/** What a successor waits for (docs/architecture.md, section 6, invariant 5). */
import t from 'tap';
import type { Heartbeat } from '../../../src/cluster/control/heartbeat-file.ts';
import { readyUntil, type Seen } from '../../../src/cluster/control/watch.ts';
import { DEFAULT_TIMES, timesFrom, unheardMsFor, withMargin } from '../../../src/cluster/times.ts';

const { controlLeaseMs, slotLeaseMs, clockMargin, unheardMs } = DEFAULT_TIMES;
const TIMES = { controlLeaseMs, slotLeaseMs, clockMargin };

const heartbeat = (more: Partial<Heartbeat>): Heartbeat => ({
  controlEpoch: 3,
  counter: 9,
  state: 'running',
  member: 'be1',
  address: { host: 'h', port: 1 },
  nonce: '',
  holders: [],
  ...more,
});

const seen = (more: Partial<Seen>): Seen => ({
  predecessorEpoch: 3,
  octets: Buffer.alloc(0),
  heartbeat: undefined,
  firstSeenAt: 1000,
  lookStartedAt: 1000,
  largestEpoch: 3,
  times: undefined,
  ...more,
});

void t.test('until when members may be ready by the word of who was in control before', async (t) => {
  const least = 1000 + withMargin(controlLeaseMs + unheardMs, DEFAULT_TIMES);
  const longer = { ...TIMES, controlLeaseMs: 2000, clockMargin: 0.2 };
  const cases: readonly [string, Seen, number][] = [
    ['no file ever', seen({ predecessorEpoch: undefined }), -Infinity],
    ['the `ended` of a first start', seen({ heartbeat: heartbeat({ state: 'ended' }) }), -Infinity],
    ['running', seen({ heartbeat: heartbeat({ times: TIMES }), times: TIMES }), least],
    ['an orderly end', seen({ heartbeat: heartbeat({ state: 'ended', times: TIMES }), times: TIMES }), least],
    ['a candidate that never acted', seen({}), least],
    ['longer times than ours', seen({ heartbeat: heartbeat({}), times: longer }), 1000 + (2000 + 8000) * 1.2],
  ];
  for (const [what, before, until] of cases) t.equal(readyUntil(before, DEFAULT_TIMES), until, what);
});

void t.test('members are not to be unready while a controller is replaced', async (t) => {
  t.equal(unheardMsFor(controlLeaseMs), 3000);
  t.equal(unheardMsFor(5000), 20_000);
  t.equal(timesFrom({ controlLeaseMs: 5000 }).unheardMs, 20_000);
  t.equal(timesFrom({ controlLeaseMs: 5000, unheardMs: 7 }).unheardMs, 7);
});

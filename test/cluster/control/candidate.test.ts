/** The candidate, sentence by sentence of docs/architecture.md, section 3, Control. */
import t from 'tap';
import {
  type Candidate,
  dueAt,
  type Effect,
  type Input,
  newCandidate,
  step,
} from '../../../src/cluster/control/candidate.ts';
import {
  CONTROL_EPOCH_MAX,
  encodeHeartbeat,
  type LeaseTimes,
} from '../../../src/cluster/control/heartbeat-file.ts';
import type { Look } from '../../../src/cluster/control/watch.ts';
import { DEFAULT_TIMES, withMargin } from '../../../src/cluster/times.ts';

const times = DEFAULT_TIMES;

/** A candidate with the effects it had since the last look. */
class Run {
  c: Candidate = newCandidate(0);
  effects: Effect[] = [];

  feed(input: Input): this {
    const [next, effects] = step(this.c, input, times);
    this.c = next;
    this.effects.push(...effects);
    return this;
  }

  tick(now: number, rank = 0): readonly string[] {
    this.effects = [];
    this.feed({ kind: 'tick', now, rank });
    return this.effects.map(({ kind }) => kind);
  }

  look(startedAt: number, epochs: number[], predecessor?: Look['predecessor']): this {
    return this.feed({
      kind: 'looked',
      look: { startedAt, returnedAt: startedAt + 10, epochs, predecessor },
    });
  }
}

function file(
  controlEpoch: number,
  counter: number,
  state: 'running' | 'ended' = 'running',
  stated?: LeaseTimes,
): Look['predecessor'] {
  const address = { host: 'h', port: 1 };
  const octets = encodeHeartbeat({
    controlEpoch,
    counter,
    state,
    member: 'a',
    address,
    nonce: '',
    holders: [],
    ...(stated && { times: stated }),
  });
  return { controlEpoch, octets };
}

/** The file of a candidate that has not acted yet. */
const EMPTY: Look['predecessor'] = { controlEpoch: 5, octets: Buffer.alloc(0) };

/** Sees the controller of epoch 4 with the same counter from 0 on, and hears nothing. */
function silent(): Run {
  const run = new Run().look(0, [4], file(4, 9));
  for (let at = 150; at <= 900; at += 150) run.look(at, [4], file(4, 9));
  return run;
}

/** At 450 polled and created at 500. */
function standing(): Run {
  const run = new Run().look(0, [4], file(4, 9)).look(150, [4], file(4, 9)).look(400, [4], file(4, 9));
  run.tick(450);
  return run
    .feed({ kind: 'polled', now: 450, poll: 1, heardAgoMs: undefined })
    .feed({ kind: 'created', controlEpoch: 5, now: 500 });
}

void t.test('"stands only if for half a ControlLease it has not heard the controller"', async (t) => {
  const run = silent().feed({ kind: 'heard', now: 600, controlEpoch: 4 });
  t.same(run.tick(900), []);
  t.same(run.tick(976), ['poll']);
});

void t.test('"and reads that returned, half a ControlLease apart, show the same counter"', async (t) => {
  t.same(new Run().tick(10_000), [], 'without a look nobody stands');
  t.same(new Run().look(0, [4], file(4, 9)).tick(10_000), [], 'one look is not two');
  const run = new Run().look(0, [4], file(4, 9)).look(384, [4], file(4, 9));
  t.same(run.tick(10_000), [], '374 ms after the first had returned');
  t.same(run.look(385, [4], file(4, 9)).tick(10_000), ['poll']);
  t.same(silent().look(1000, [4], file(4, 10)).tick(1100), [], 'the counter moved');
});

void t.test('"the k-th in line waits k Heartbeats more"', async (t) => {
  const run = silent();
  t.same(run.tick(375 + 299, 2), []);
  t.same(run.tick(375 + 300, 2), ['poll']);
});

void t.test('"no member it reaches has heard it"', async (t) => {
  const run = silent();
  run.tick(900);
  run.effects = [];
  run.feed({ kind: 'polled', now: 450, poll: 1, heardAgoMs: 374 });
  t.same(run.effects, []);
  t.equal(run.c.phase, 'watching');
  run.tick(1000);
  run.effects = [];
  run.feed({ kind: 'polled', now: 450, poll: 1, heardAgoMs: undefined });
  t.same(run.effects, [], 'an answer to the poll before says nothing');
  run.feed({ kind: 'polled', now: 450, poll: 2, heardAgoMs: 375 });
  t.same(run.effects, [{ kind: 'create', controlEpoch: 5 }], '"creates the largest listed + 1"');
});

void t.test('"who loses a creation or lists a larger epoch starts over"', async (t) => {
  const run = silent();
  run.tick(900);
  run
    .feed({ kind: 'polled', now: 450, poll: 1, heardAgoMs: undefined })
    .feed({ kind: 'not-created', now: 920 });
  t.equal(run.c.phase, 'watching');
  t.same(run.tick(2000), [], 'and has seen nothing yet');
  const larger = standing().look(600, [4, 5, 6], file(6, 0));
  t.equal(larger.c.phase, 'watching');
  t.equal(larger.effects.at(-1)?.kind, 'abandon');
});

void t.test(
  '"acts when its own clock shows ControlLease plus margin since it first saw the last value"',
  async (t) => {
    const actsAt = 10 + withMargin(times.controlLeaseMs, times);
    const run = standing();
    t.same(run.tick(actsAt + 1000), ['collect'], 'not without a look started after its file was there');
    run.look(499, [4], file(4, 9));
    t.same(run.tick(actsAt + 1000), ['collect']);
    run.look(520, [4, 5], file(4, 9));
    t.same(run.tick(actsAt - 1), ['collect']);
    t.same(run.tick(actsAt), ['act']);
    t.equal(run.c.phase, 'acting');
  },
);

void t.test('a counter that moved after the creation is the last value', async (t) => {
  const run = standing().look(520, [4, 5], file(4, 10));
  t.same(run.tick(530 + withMargin(times.controlLeaseMs, times) - 1), ['collect']);
  t.same(run.tick(531 + withMargin(times.controlLeaseMs, times)), ['act']);
});

void t.test('a first start, and one after an orderly end, waits for nothing', async (t) => {
  for (const predecessor of [undefined, file(4, 9, 'ended')]) {
    const epochs = predecessor ? [4] : [];
    const run = new Run().look(0, epochs, predecessor);
    t.same(run.tick(20), ['poll']);
    const controlEpoch = predecessor ? 5 : 1;
    run
      .feed({ kind: 'polled', now: 450, poll: 1, heardAgoMs: undefined })
      .feed({ kind: 'created', controlEpoch, now: 30 });
    t.same(run.look(40, [...epochs, controlEpoch], predecessor).tick(60), ['act']);
  }
});

void t.test(
  '"with no larger epoch listed after two ControlLeases it stands again, with a new file"',
  async (t) => {
    const run = standing().look(520, [4, 5], file(4, 9));
    run.tick(2000);
    run.feed({ kind: 'gave-up', now: 2000 });
    for (let at = 2100; at < 3600; at += 100) run.look(at, [4, 5], file(5, 3));
    t.same(run.tick(3499), []);
    t.same(run.tick(3500), ['poll']);
    run.effects = [];
    run.feed({ kind: 'polled', now: 450, poll: 2, heardAgoMs: undefined });
    t.same(run.effects, [{ kind: 'create', controlEpoch: 6 }]);
  },
);

void t.test('a larger epoch heard ends standing and acting; a smaller one does not', async (t) => {
  const run = standing().feed({ kind: 'heard', now: 600, controlEpoch: 4 });
  t.equal(run.c.phase, 'waiting');
  run.feed({ kind: 'heard', now: 600, controlEpoch: 6 });
  t.equal(run.c.phase, 'watching');
});

void t.test('an epoch found that was never granted: the next control epoch is above it', async (t) => {
  const run = standing().look(520, [4, 5], file(4, 9));
  run.tick(2000);
  run.feed({ kind: 'larger-found', now: 2000, controlEpoch: 77 });
  t.equal(run.effects.at(-1)?.kind, 'abandon');
  for (let at = 2100; at < 3000; at += 100) run.look(at, [4, 5], file(5, 3));
  run.tick(3000);
  run.feed({ kind: 'polled', now: 450, poll: 2, heardAgoMs: undefined });
  t.same(run.effects.at(-1), { kind: 'create', controlEpoch: 78 });
});

void t.test(
  'two candidates do not outbid each other: a file that appears during the poll ends it',
  async (t) => {
    const run = silent();
    run.tick(900);
    t.equal(run.c.phase, 'polling');
    run.look(910, [4, 5], EMPTY);
    t.equal(run.c.phase, 'watching');
    run.effects = [];
    run.feed({ kind: 'polled', now: 920, poll: 1, heardAgoMs: undefined });
    t.same(run.effects, [], 'no file of its own above the other one');
  },
);

void t.test('a file without a heartbeat is a candidate, which is given the time it needs', async (t) => {
  const waitsMs = withMargin(times.controlLeaseMs, times) + 2 * times.heartbeatMs;
  const sees = (at: number) => new Run().look(0, [4, 5], EMPTY).look(at, [4, 5], EMPTY);
  t.same(sees(10 + waitsMs - 1).tick(5000), []);
  t.same(sees(10 + waitsMs).tick(5000), ['poll'], 'and no longer: it may be dead');
});

void t.test(
  'what another member heard counts like the own hearing, so that the line of ranks holds',
  async (t) => {
    const run = silent();
    run.tick(900);
    run.feed({ kind: 'polled', now: 910, poll: 1, heardAgoMs: 110 });
    t.same(run.tick(800 + 375 + 149, 1), []);
    t.same(run.tick(800 + 375 + 150, 1), ['poll']);
  },
);

void t.test('a tick is due when a waiting candidate acts', async (t) => {
  t.equal(dueAt(silent().c, times), undefined);
  t.equal(
    dueAt(standing().look(520, [4, 5], file(4, 9)).c, times),
    10 + withMargin(times.controlLeaseMs, times),
  );
});

void t.test('an epoch that leaves no larger one does not end its candidacy for ever', async (t) => {
  const run = standing().look(520, [4, 5], file(4, 9));
  run.tick(2000);
  run.feed({ kind: 'larger-found', now: 2000, controlEpoch: CONTROL_EPOCH_MAX });
  t.equal(run.c.phase, 'watching', 'its controller is over, so it does not act');
});

void t.test('a predecessor that went by longer times is waited for by its times', async (t) => {
  const stated = { controlLeaseMs: 5000, slotLeaseMs: 20_000, clockMargin: 0.2 };
  const before = file(4, 9, 'running', stated);
  const run = new Run().look(0, [4], before).look(400, [4], before);
  t.same(run.tick(1000), [], 'half of its ControlLease has not passed');
  run.look(2600, [4], before);
  t.same(run.tick(2620), ['poll']);
  run.feed({ kind: 'polled', now: 2650, poll: 1, heardAgoMs: undefined });
  run.feed({ kind: 'created', controlEpoch: 5, now: 2700 }).look(2800, [4, 5], before);
  t.equal(dueAt(run.c, times), 10 + 6000, 'its ControlLease and its margin since the value was first seen');
  t.same(run.tick(5999), ['collect']);
  t.same(run.tick(6010), ['act']);
});

void t.test('a file without a heartbeat: the times of the controller before it', async (t) => {
  const timesBefore = { controlLeaseMs: 5000, slotLeaseMs: 20_000, clockMargin: 0.12 };
  const look = { startedAt: 0, returnedAt: 10, epochs: [4, 5], predecessor: EMPTY, timesBefore };
  const run = new Run().feed({ kind: 'looked', look });
  const patience = withMargin(5000, times) + 2 * times.heartbeatMs;
  run.look(patience - 100, [4, 5], EMPTY);
  t.same(run.tick(patience - 50), []);
  run.look(patience + 20, [4, 5], EMPTY);
  t.same(run.tick(patience + 50), ['poll']);
});

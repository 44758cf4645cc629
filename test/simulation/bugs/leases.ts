/** Bugs of leases and of control: who may own what, and until when (docs/architecture.md, section 3, Control and Leases). */
import type { Listener } from '../../../src/platform/platform.ts';
import type { Bug } from './bug.ts';
import { SMALL, TWO_OWNERS, withCalls } from './hooks.ts';

/** Answers to renewals take their time; less than a call waits for. */
const LATE_ANSWER_MS: readonly [number, number] = [250, 740];
const LATE_ANSWERS = 0.5;

/** Renewals are slow for so long, begun by so many of them; each takes up to so much longer. */
const SLOW_TIME_MS = 2000;
const SLOW_TIMES = 0.04;
const SLOW_RENEWAL_MS = 1500;

const lateAnswers =
  (isLate: (answer: { readonly grants: readonly unknown[] }) => boolean): NonNullable<Bug['bus']> =>
  (bus, { platform: { clock, random } }) =>
    withCalls(bus, async (call, service) => {
      const answer = await call();
      if (service !== 'cluster.renew' || !isLate(answer as { readonly grants: readonly unknown[] }))
        return answer;
      const [low, high] = LATE_ANSWER_MS;
      if (random.below(100) < 100 * LATE_ANSWERS) await clock.sleep(low + random.below(high - low));
      return answer;
    });

const leaseForEver: Bug = {
  name: 'lease-for-ever',
  breaks: 'Leases: "a lease … for a bounded time". No self-fencing, and losses are not told to the store.',
  finds: TWO_OWNERS,
  known: [6],
  shape: { fence: false, ...SMALL },
  longShare: 0.6,
  harms: ['pause-process', 'pause-machine', 'isolate'],
  holder: (holder) => ({
    granted: (slot, lease) =>
      holder.granted(slot, { ...lease, held: () => true, confirm: () => Promise.resolve(true) }),
    release: (slot) => holder.release(slot),
    lost: () => undefined,
  }),
};

const leaseFromReceipt: Bug = {
  name: 'lease-from-receipt',
  breaks:
    'Leases: "the owner counts that from before sending its request". It counts from the receipt of the answer.',
  finds: TWO_OWNERS,
  known: [2],
  shape: { fence: false, ...SMALL },
  harms: ['isolate'],
  longShare: 0.9,
  sabotage: [],
  bus: lateAnswers(() => true),
  sources: [
    {
      below: 'src/cluster',
      text: 'this.#renewed(controlEpoch, sent.at + answer.leftMs, answer)',
      by: 'this.#renewed(controlEpoch, this.#options.now() + answer.leftMs, answer)',
    },
  ],
};

const noWaitForPredecessor: Bug = {
  name: 'no-wait-for-predecessor',
  breaks:
    'Leases: "only when those leases have run out, or when the predecessor is proven dead". A stopped child is reported as exited.',
  finds: TWO_OWNERS,
  known: [3],
  shape: { fence: false, ...SMALL },
  harms: ['pause-process'],
  takesPausedForDead: true,
};

const grantOfOldController: Bug = {
  name: 'grant-of-old-controller',
  breaks:
    'Control: "from then on the worker refuses smaller control epochs". A worker that has reported to a candidate still takes what its predecessor granted.',
  finds: TWO_OWNERS,
  known: [],
  shape: {
    fence: false,
    members: [
      { name: 'be1', duty: 'owns', workers: 1 },
      { name: 'be2', duty: 'owns', workers: 1 },
      { name: 'be3', duty: 'owns', workers: 1 },
      { name: 'fe1', duty: 'faces', workers: 1 },
    ],
  },
  harms: ['crash-machine', 'crash-process', 'pause-machine', 'flap-process'],
  // Slots move all the time, so that a controller that dies has grants under way.
  supervisorTimes: { movesPerSecond: 500, movesAtOnce: 64, rebalanceAfterMs: 0 },
  bus: (bus, process) => {
    const late = lateAnswers(({ grants }) => grants.length > 0)(bus, process);
    const { clock, random } = process.platform;
    let slowUntilMs = 0;
    // At times renewals are long under way; what is asked of the worker is not.
    return withCalls(late, async (call, service) => {
      const now = clock.monotonicMs();
      if (service !== 'cluster.renew') return call();
      if (now >= slowUntilMs && random.below(100) < 100 * SLOW_TIMES) slowUntilMs = now + SLOW_TIME_MS;
      if (now < slowUntilMs) await clock.sleep(random.below(SLOW_RENEWAL_MS));
      return call();
    });
  },
  sources: [
    {
      below: 'src/cluster',
      text: 'this.#sent.clear(); this.#needsPairs = true; if (leftMs === 0)',
      by: 'this.#needsPairs = true; if (leftMs === 0)',
    },
    {
      below: 'src/cluster',
      text: 'if (!this.#view.statement(answer.statement) || answer.statement.controlEpoch !== controlEpoch) return;',
      by: 'this.#view.statement(answer.statement); if (answer.statement.controlEpoch !== controlEpoch) return;',
    },
    {
      below: 'src/cluster',
      text: 'if (controlEpoch === this.#view.hearing.accepted) this.#client.answered(controlEpoch, answer);',
      by: 'this.#client.answered(controlEpoch, answer);',
    },
  ],
};

const newIncarnationAtOnce: Bug = {
  name: 'new-incarnation-at-once',
  breaks:
    'Leases: "a new incarnation gets its predecessor\'s slots only when those leases have run out" or it is proven dead. Its own first renewal is taken for that proof.',
  finds: TWO_OWNERS,
  known: [1],
  shape: {
    fence: false,
    lifeProofs: false,
    ...SMALL,
  },
  harms: ['pause-process', 'crash-process'],
  sabotage: ['orphan'],
  sources: [
    {
      below: 'src/cluster',
      text: 'const { incarnation } = renewal.worker;',
      by: `const { incarnation } = renewal.worker;
    if (!this.#table.isDead(incarnation))
      for (const known of Array.from(this.#members.workers()))
        if (known.member === renewal.member && known.info.incarnation !== incarnation)
          this.#died(known.info.incarnation);`,
    },
  ],
};

const lapsedLeaseConfirmed: Bug = {
  name: 'lapsed-lease-confirmed',
  breaks:
    'Control: "a lapsed lease is never confirmed by a new controller, only granted anew". Workers report what has lapsed, and are believed.',
  finds: TWO_OWNERS,
  known: [3],
  shape: { fence: false, ...SMALL },
  harms: ['overtaken', 'overtaken', 'crash-machine', 'pause-machine'],
  sources: [
    {
      below: 'src/cluster',
      text: 'const leftMs = Math.max(0, this.#until - this.#options.now());',
      by: 'const leftMs = Math.max(1500, this.#until - this.#options.now());',
    },
    {
      below: 'src/cluster',
      text: 'if (this.#options.now() >= this.#until) this.#dropOthers(controlEpoch);',
      by: '',
    },
    {
      below: 'src/cluster',
      text: 'const ranBefore = this.#namedBefore?.has(incarnation) !== false;',
      by: 'const ranBefore = true;',
    },
  ],
};

/** Our own code closes the life socket's listener so long after it was opened. */
const CLOSED_AFTER_MS: readonly [number, number] = [500, 4000];

const refusalTakenForDeath: Bug = {
  name: 'refusal-taken-for-death',
  breaks:
    'Leases: a death is proven when the life connection "was ended by a FIN and a new connection is refused", and the socket is "never closed by our code". It is closed, and the refusal is believed alone.',
  finds: TWO_OWNERS,
  known: [2],
  shape: { fence: false, lifeProofs: true, ...SMALL },
  harms: ['crash-process', 'isolate', 'cut-pair'],
  net: (net, { platform: { clock, random } }) => ({
    connect: (...args) => net.connect(...args),
    listen: async (address, onConnection, options): Promise<Listener> => {
      const listener = await net.listen(address, onConnection, options);
      // A worker listens on two ports that the kernel chooses, the bus's first; only the life socket is meant.
      const isLife = address.port === 0 && options === undefined;
      const [low, high] = CLOSED_AFTER_MS;
      if (isLife) clock.timer(low + random.below(high - low), () => void listener.close());
      return listener;
    },
  }),
  sources: [
    {
      below: 'src/cluster',
      text: "if (afterFin && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.#proven();",
      by: "if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.#proven();",
    },
  ],
};

export const LEASE_BUGS: readonly Bug[] = [
  leaseForEver,
  leaseFromReceipt,
  noWaitForPredecessor,
  grantOfOldController,
  newIncarnationAtOnce,
  lapsedLeaseConfirmed,
  refusalTakenForDeath,
];

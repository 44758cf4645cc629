/** Bugs above the log: sessions, deliveries, names (docs/architecture.md, section 3, rule 5, and section 5). */
import type { Bug } from './bug.ts';
import { LOST, SMALL, slowWrites, withBodies, withCalls } from './hooks.ts';

const untaggedBeforeCheck: Bug = {
  name: 'untagged-before-check',
  breaks:
    'Rule 3: only after the check "may anybody see the change: answer, untagged data …". A session sends what is in memory, settled or not.',
  finds: LOST,
  known: [4],
  shape: SMALL,
  harms: ['crash-process', 'crash-machine', 'pause-machine', 'fill-storage', 'failing-storage'],
  ...slowWrites,
  sources: [{ below: 'src/imap', text: 'await this.#gate();', by: '' }],
};

const newTransactionEachTime: Bug = {
  name: 'new-transaction-each-time',
  breaks:
    'Sessions: "a lost answer is asked for, never guessed". A repeated delivery comes under a new number, and the account cannot know it again.',
  finds: /is there \d+ times, was seen/,
  known: [2],
  shape: SMALL,
  bus: (bus, process) => {
    // A supervisor that relays one passes it on as it is.
    if (process.name === 'sup') return bus;
    let last = 0;
    return withBodies(bus, (service, body) => {
      if (service !== 'mail.deliver') return body;
      const { transaction } = body as { readonly transaction: object };
      return {
        ...(body as object),
        transaction: { ...transaction, number: 1_000_000 + last++, lowestOpen: 1 },
      };
    });
  },
};

const intentsNotFinished: Bug = {
  name: 'intents-not-finished',
  breaks: 'Rule 5 and section 8, 2: an intent that is decided is not carried out at the participants.',
  finds: /is not linearizable/,
  known: [3],
  shape: SMALL,
  bus: (bus) =>
    withCalls(bus, (call, service, body) =>
      service === 'directory.step' && (body as { readonly kind: string }).kind === 'finish'
        ? Promise.resolve(null)
        : call(),
    ),
};

/** A frontend believes what it was told of a name for so long. */
const CACHED_MS = 1000;
const cachedNames: Bug = {
  name: 'cached-names',
  breaks:
    'Every answer, reads too, is as fresh as its question: a frontend answers from what it was told a while ago.',
  finds: /is not linearizable/,
  known: [1],
  shape: SMALL,
  bus: (bus, { platform: { clock } }) => {
    const known = new Map<string, { readonly untilMs: number; readonly answer: unknown }>();
    return withCalls(bus, async (call, service, body) => {
      if (service !== 'directory.resolve') return call();
      const key = JSON.stringify(body);
      const cached = known.get(key);
      if (cached !== undefined && clock.monotonicMs() < cached.untilMs) return cached.answer;
      const answer = await call();
      known.set(key, { untilMs: clock.monotonicMs() + CACHED_MS, answer });
      return answer;
    });
  },
};

const removalDecidesDelete: Bug = {
  name: 'path-decides-delete',
  breaks:
    'Rule 5: "no path operation decides anything": deletion is a record, directories follow later. The directory goes first; an intent that is undone leaves an account without its mail.',
  finds: /the directory of \d+ settled records is gone|is not linearizable/,
  known: [34],
  shape: SMALL,
  mailShare: 0.3,
  harms: ['crash-process', 'crash-machine', 'crash-at-event'],
  ...slowWrites,
  sources: [
    {
      below: 'src/directory',
      text: 'const run = await host.run(slot, begin,',
      by: `if (wanted.change.kind === 'delete') {
      const path = await this.#read(slot, (open) => open.read((state) => state.object(id)?.path));
      if (path !== undefined) await this.#options.platform.fs.removeTree(this.#options.root + '/' + path);
    }
    const run = await host.run(slot, begin,`,
    },
  ],
};

const oldDirectory: Bug = {
  name: 'name-in-old-directory',
  breaks:
    'Rule 5: "a directory belongs to one object for ever". A name that is created again gets the directory that it had.',
  finds: /\/\d+ is of |cannot be read/,
  known: [30],
  shape: SMALL,
  mailShare: 0.35,
  harms: ['crash-process', 'crash-at-event'],
  sources: [
    {
      below: 'src/directory',
      text: 'serial, state.wasUsed(name))',
      by: 'serial, false)',
    },
  ],
};

export const SERVICE_BUGS: readonly Bug[] = [
  untaggedBeforeCheck,
  newTransactionEachTime,
  intentsNotFinished,
  cachedNames,
  removalDecidesDelete,
  oldDirectory,
];

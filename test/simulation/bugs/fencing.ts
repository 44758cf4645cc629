/** Bugs of the fencing on the storage: what counts, and who may show it (docs/architecture.md, section 3, rules 1 to 4). */
import type { AppendFile } from '../../../src/platform/platform.ts';
import { SimAppendFile } from '../disk/files.ts';
import type { SimFs } from '../disk/fs.ts';
import type { Bug } from './bug.ts';
import { delegateFs, hasty, LOST, SMALL, slowRenewals, slowWrites, TWO_OWNERS, withLog } from './hooks.ts';

const checkBeforeSync: Bug = {
  name: 'check-before-sync',
  breaks:
    'Rule 3: the lease is checked when the sync "has returned". It is checked before the write is handed over.',
  finds: TWO_OWNERS,
  known: [33],
  shape: { fence: false, ...SMALL },
  harms: ['pause-process'],
  longShare: 0.9,
  sabotage: [],
  // A write that waits for a thread of the pool is handed over when the process goes on, which may be long after.
  ...slowWrites,
  sources: [
    {
      below: 'src/store',
      text: 'await segment.file.writeDurably(chunks, first.offset); if (first.offset === 0)',
      by: `const held = await this.#options.mayShow(behindClose);
    await segment.file.writeDurably(chunks, first.offset); if (first.offset === 0)`,
    },
    {
      below: 'src/store',
      text: 'if (!(await this.#options.mayShow(behindClose)))',
      by: 'if (!held)',
    },
  ],
};

/** A process may stand still anywhere: some creations come so much later, by its own clock. */
const SLOW_CREATION_MS = 2500;
const SLOW_CREATIONS = 0.5;
/** And some first writes. */
const SLOW_FIRST_WRITE_MS = 2500;

const createNotExclusive: Bug = {
  name: 'create-not-exclusive',
  breaks:
    'Rule 1: "each is created exclusively". Creation of a name that is there succeeds, as with a server that answers a retransmitted CREATE wrongly.',
  finds: TWO_OWNERS,
  known: [2],
  shape: SMALL,
  harms: ['pause-process', 'crash-process', 'pause-machine'],
  longShare: 0.8,
  sabotage: ['pause'],
  fs: (fs, process) => ({
    ...delegateFs(fs),
    createExclusive: async (path) => {
      const { clock, random } = process.platform;
      if (random.below(100) < 100 * SLOW_CREATIONS) await clock.sleep(random.below(SLOW_CREATION_MS));
      try {
        return await fs.createExclusive(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !path.endsWith('.log')) throw error;
        const file = process.machine.disk.server.tree.file(path, 'open');
        return new SimAppendFile(fs as SimFs, path, file);
      }
    },
  }),
};

/** The end of a name that is to be opened and not created, from the changed source to the hook below it. */
const APPEND = '#append';

const appendToPredecessor: Bug = {
  name: 'append-to-predecessor',
  breaks: 'Rule 1: a file is "appended to by it alone". A taker goes on in the file of its predecessor.',
  finds: TWO_OWNERS,
  known: [3],
  shape: SMALL,
  // The predecessor's last write must come late.
  longShare: 0.8,
  harms: ['cut-storage', 'half-cut-storage', 'pause-machine'],
  sabotage: [],
  fs: (fs, process) => ({
    ...delegateFs(fs),
    createExclusive: async (path): Promise<AppendFile> => {
      if (!path.endsWith(APPEND)) return fs.createExclusive(path);
      const name = path.slice(0, -APPEND.length);
      return new SimAppendFile(fs as SimFs, name, process.machine.disk.server.tree.file(name, 'open'));
    },
  }),
  sources: [
    {
      below: 'src/store',
      text: 'const segment = await createNext(options,',
      by: `const head = reader.files.at(-1);
  const known = head && reader.marker(head.file);
  if (known !== undefined) {
    const old = await fs.createExclusive(filePath(directory, head.file) + '${APPEND}');
    const again = new Segment(head.file, known, old, head.octets);
    again.position = again.durable = head.octets;
    created.add(head.file);
    fence.clear(reader.numbers);
    return { segment: again, counts: reader.counts, moved: [] };
  }
  const segment = await createNext(options,`,
    },
  ],
};

/** How long a client may believe that a name is missing (shared facts: NFS, section 1). */
const MISSING_MS = 30_000;

const findByStat: Bug = {
  name: 'find-by-stat',
  breaks:
    'Rule 4: what another backend may have created "is found by readdir … never by stat alone". The next number is asked for until one is missing, which the client remembers.',
  finds: TWO_OWNERS,
  known: [2],
  shape: SMALL,
  longShare: 0.5,
  harms: ['pause-process', 'crash-process', 'pause-machine', 'isolate'],
  fs: (fs, process) => {
    const missing = new Map<string, number>();
    const { clock } = process.platform;
    return {
      ...delegateFs(fs),
      list: async (path) => {
        const names = await fs.list(path);
        const found = names.filter((name) => !name.endsWith('.log'));
        for (let number = 1; ; number++) {
          const name = `${String(number).padStart(6, '0')}.log`;
          const isMissing = (missing.get(`${path}/${name}`) ?? -1) > clock.monotonicMs();
          if (!isMissing && names.includes(name)) found.push(name);
          else {
            if (!isMissing) missing.set(`${path}/${name}`, clock.monotonicMs() + MISSING_MS);
            return found;
          }
        }
      },
      // What this machine makes itself it knows to be there.
      createExclusive: async (path) => {
        missing.delete(path);
        return fs.createExclusive(path);
      },
    };
  },
};

const STALE_LIST_MS = 4000;
const staleListing: Bug = {
  name: 'stale-listing',
  breaks:
    'Rule 4, on a mount with a long acdirmin: a listing is believed for some seconds, and new names of others are not seen.',
  finds: TWO_OWNERS,
  known: [17],
  shape: SMALL,
  longShare: 0.5,
  harms: ['pause-process', 'crash-process', 'pause-machine', 'isolate'],
  fs: (fs, process) => {
    const known = new Map<string, { readonly untilMs: number; readonly names: readonly string[] }>();
    const { clock } = process.platform;
    return {
      ...delegateFs(fs),
      list: async (path) => {
        const now = clock.monotonicMs();
        const entry = known.get(path);
        if (entry !== undefined && now < entry.untilMs) return [...entry.names];
        const names = await fs.list(path);
        if (names.some((name) => name.endsWith('.log')))
          known.set(path, { names, untilMs: now + STALE_LIST_MS });
        return names;
      },
    };
  },
};

const slowCreations: Pick<Bug, 'fs'> = {
  fs: (fs, { platform: { clock, random } }) => ({
    ...delegateFs(fs),
    createExclusive: async (path) => {
      if (!path.endsWith('.log')) return fs.createExclusive(path);
      if (random.below(100) < 100 * SLOW_CREATIONS) await clock.sleep(random.below(SLOW_CREATION_MS));
      const file = await fs.createExclusive(path);
      return {
        close: () => file.close(),
        writeDurably: async (chunks, position) => {
          if (position === 0 && random.below(100) < 100 * SLOW_CREATIONS)
            await clock.sleep(random.below(SLOW_FIRST_WRITE_MS));
          return file.writeDurably(chunks, position);
        },
      };
    },
  }),
};

const readBeforeCreate: Bug = {
  name: 'read-before-create',
  breaks:
    'Rule 2: "a taker first creates its file, then opens and reads the predecessors". It reads first; an owner whose clock stood still writes in between, and lists nothing new.',
  finds: TWO_OWNERS,
  known: [6],
  shape: { fence: true, ...SMALL },
  longShare: 0.8,
  harms: ['freeze-machine'],
  sabotage: ['freeze-machine'],
  ...slowCreations,
  sources: [
    {
      below: 'src/store',
      text: 'const segment = await createNext(options,',
      by: 'await reader.read(created); const segment = await createNext(options,',
    },
    {
      below: 'src/store',
      text: 'await reader.read(created); const counts',
      by: 'const counts',
    },
  ],
};

const epochOrderIgnored: Bug = {
  name: 'epoch-order-ignored',
  breaks:
    'Rule 2: "the head is the file with the largest epoch, of those the highest number". Only the number is looked at.',
  finds: TWO_OWNERS,
  known: [],
  // A compaction creates files too, without reading what others created.
  shape: { fence: true, ...SMALL, upkeep: { filesMax: 1, snapshotRecordsMin: 1000 } },
  longShare: 0.8,
  harms: ['freeze-machine', 'overtaken-frozen'],
  sabotage: ['freeze-machine'],
  ...slowCreations,
  ...slowRenewals,
  sources: [
    {
      below: 'src/store',
      text: '(a, b) => b.first.epoch - a.first.epoch || b.number - a.number',
      by: '(a, b) => b.number - a.number',
    },
  ],
};

const answeredBeforeSync: Bug = {
  name: 'answered-before-sync',
  breaks: 'Invariant 1: a write is answered before it is on the storage.',
  finds: LOST,
  known: [13],
  shape: SMALL,
  harms: ['crash-process', 'crash-machine', 'pause-process'],
  fs: (fs) => ({
    ...delegateFs(fs),
    createExclusive: async (path) => hasty(await fs.createExclusive(path)),
  }),
};

const shownBeforeSettled: Bug = {
  name: 'shown-before-settled',
  breaks: 'Rule 3: what was queued is shown at once: no wait for the disk and no look at the lease.',
  finds: LOST,
  known: [2],
  shape: SMALL,
  harms: ['crash-process', 'crash-machine', 'pause-machine', 'fill-storage'],
  ...slowWrites,
  openLog: (openLog) =>
    withLog(openLog, (log) => ({
      settled: () => (void log.settled().catch(() => undefined), Promise.resolve()),
    })),
};

const frozenWithoutFence: Bug = {
  name: 'frozen-without-fence',
  breaks:
    'Rule 3: StorageFence "covers machines whose clock stood still". It is off, and clocks stand still.',
  finds: TWO_OWNERS,
  known: [7],
  shape: { fence: false, ...SMALL },
  longShare: 0.7,
  harms: ['freeze-machine'],
  sabotage: ['freeze-machine'],
};

export const FENCING_BUGS: readonly Bug[] = [
  checkBeforeSync,
  createNotExclusive,
  appendToPredecessor,
  findByStat,
  staleListing,
  readBeforeCreate,
  epochOrderIgnored,
  answeredBeforeSync,
  shownBeforeSettled,
  frozenWithoutFence,
];

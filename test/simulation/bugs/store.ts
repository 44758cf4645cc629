/** Bugs of the log after its fencing: failures, damage, compaction, snapshots (docs/storage.md). */
import type { AppendFile } from '../../../src/platform/platform.ts';
import { fsError } from '../../support/file-tree.ts';
import { SimAppendFile } from '../disk/files.ts';
import type { SimFs } from '../disk/fs.ts';
import type { Bug } from './bug.ts';
import { delegateFs, LOST, SMALL, slowWrites, TWO_OWNERS } from './hooks.ts';

const COMPACTS = { ...SMALL, upkeep: { filesMax: 1, snapshotRecordsMin: 1 } };

const replacedFirst: Bug = {
  name: 'compaction-replaces-first',
  breaks:
    'Store: of a compaction "its last record says which numbers it replaces". Its first one does, and it is cut off before the rest.',
  finds: LOST,
  known: [6],
  shape: COMPACTS,
  harms: ['crash-process', 'crash-machine', 'failing-storage', 'crash-at-event'],
  sources: [
    {
      below: 'src/store',
      text: 'for (const slice of source.slices',
      by: `await log.writable();
  maintenance.replaced(numbers);
  for (const slice of source.slices`,
    },
    {
      below: 'src/store',
      text: 'maintenance.replaced(numbers); await log.settled();',
      by: 'await log.settled();',
    },
  ],
};

/** A file that takes writes again after one has failed, which no file of ours does. */
const unforgetting: Pick<Bug, 'fs'> = {
  fs: (fs, process) => ({
    ...delegateFs(fs),
    createExclusive: async (path): Promise<AppendFile> => {
      let file = await fs.createExclusive(path);
      return {
        close: () => file.close(),
        writeDurably: async (chunks, position) => {
          try {
            await file.writeDurably(chunks, position);
          } catch (error) {
            file = new SimAppendFile(fs as SimFs, path, process.machine.disk.server.tree.file(path, 'open'));
            throw error;
          }
        },
      };
    },
  }),
};

const secondSyncAcknowledged: Bug = {
  name: 'second-sync-acknowledged',
  breaks:
    'Rule 3: "after a write or sync error nothing more is written to or shown from that file". Only the failed batch fails; the next one is written behind it and acknowledged.',
  finds: TWO_OWNERS,
  known: [4],
  shape: SMALL,
  harms: ['failing-storage', 'crash-process'],
  ...unforgetting,
  sources: [
    {
      below: 'src/store',
      text: 'this.fail(writeFailure(error));',
      by: `const failed = writeFailure(error);
        this.#settled = batch.at(-1)!.seq;
        while ((this.#waiters[0]?.seq ?? Infinity) <= this.#settled) this.#waiters.shift()!.reject(failed);`,
    },
    {
      below: 'src/store',
      text: 'await log.settled(); } catch (error) { this.#options.fail(error); throw error; }',
      by: 'await log.settled(); } catch (error) { throw error; }',
    },
  ],
};

/** First writes of files that are done, and reported as failed. */
const LOST_FIRST_REPLIES = 0.25;

const oldFileAfterFirstRecord: Bug = {
  name: 'old-file-after-first-record',
  breaks:
    'Rule 3: "once any byte of a first record was given to the kernel, whatever came back, its predecessors are never appended to again". A rotation whose first write fails is forgotten, and the old file goes on.',
  finds: LOST,
  known: [1],
  shape: COMPACTS,
  harms: ['crash-process', 'crash-machine'],
  fs: (fs, { platform: { random } }) => ({
    ...delegateFs(fs),
    createExclusive: async (path) => {
      const file = await fs.createExclusive(path);
      return {
        close: () => file.close(),
        writeDurably: async (chunks, position) => {
          await file.writeDurably(chunks, position);
          if (position === 0 && path.endsWith('.log') && random.below(100) < 100 * LOST_FIRST_REPLIES)
            throw fsError('EIO', 'write', path);
        },
      };
    },
  }),
  sources: [
    {
      below: 'src/store',
      text: 'this.#segment = segment; this.#push(firstWrite.length, firstWrite);',
      by: `this.#before = this.#segment;
    this.#segment = segment;
    this.#push(firstWrite.length, firstWrite);`,
    },
    {
      below: 'src/store',
      text: 'this.fail(writeFailure(error));',
      by: `if (batch[0]!.offset === 0 && this.#before !== undefined && this.#queue.length === 0) {
          this.#segment = this.#before;
          this.#before = undefined;
          this.#queuedOctets = 0;
          this.#settled = batch.at(-1)!.seq;
          while ((this.#waiters[0]?.seq ?? Infinity) <= this.#settled) this.#waiters.shift()!.resolve();
          continue;
        }
        this.fail(writeFailure(error));`,
    },
    {
      below: 'src/store',
      text: 'readonly #waiters: Waiter[] = [];',
      by: 'readonly #waiters: Waiter[] = [];\n  #before: Segment | undefined;',
    },
  ],
};

const LOST_REPLIES = 0.15;

const snapshotBeyondSeal: Bug = {
  name: 'snapshot-beyond-seal',
  breaks:
    'Snapshots: written "when all that was appended before has settled", and used only up to a seal. They are written at once, after every commit, and believed wherever the file has so many octets.',
  finds: /a snapshot says|is there again|is not there any more/,
  known: [3],
  shape: COMPACTS,
  harms: ['crash-process', 'crash-machine'],
  // Writes wait, so that others queue behind them, and some of the replies are lost.
  fs: (fs, process) => {
    const slow = slowWrites.fs!(fs, process);
    const { random } = process.platform;
    return {
      ...delegateFs(slow),
      createExclusive: async (path) => {
        const file = await slow.createExclusive(path);
        return {
          close: () => file.close(),
          writeDurably: async (chunks, position) => {
            await file.writeDurably(chunks, position);
            if (position > 0 && path.endsWith('.log') && random.below(100) < 100 * LOST_REPLIES)
              throw fsError('EIO', 'write', path);
          },
        };
      },
    };
  },
  sources: [
    {
      below: 'src/store',
      text: 'this.#commits++; this.#records += records;',
      by: `this.#commits++;
    this.#records += records;
    if (!this.#isHalfDone) void this.#snapshot().catch(() => undefined);`,
    },
    {
      below: 'src/store',
      text: 'await settled();',
      by: 'settled().catch(() => undefined);',
    },
    {
      below: 'src/store',
      text: 'const end = Math.min(seal ?? Infinity, await this.#sizeOf(file));',
      by: 'const end = await this.#sizeOf(file);',
    },
  ],
};

const damageTakenForTail: Bug = {
  name: 'damage-taken-for-tail',
  breaks:
    'Store: "a bad place below a durable offset stated later is damage (reported, skipped, never sealed away)". It ends the file as a torn tail does.',
  finds: LOST,
  known: [2],
  shape: { rots: true, ...SMALL },
  harms: ['crash-process', 'crash-machine', 'pause-process', 'isolate'],
  sources: [
    {
      below: 'src/store',
      text: 'if (next !== undefined && at < vouched) {',
      by: 'if (next !== undefined && at < vouched && at < 0) {',
    },
    {
      below: 'src/store',
      text: 'else if (at < input.durable) {',
      by: 'else if (at < input.durable && at < 0) {',
    },
  ],
};

export const STORE_BUGS: readonly Bug[] = [
  replacedFirst,
  secondSyncAcknowledged,
  oldFileAfterFirstRecord,
  snapshotBeyondSeal,
  damageTakenForTail,
];

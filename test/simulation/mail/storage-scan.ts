/**
 * Reads the whole storage with the store's own reader when a run is over, without the caches and faults of any machine:
 * - a (slot, epoch) has one writer: the files of all objects of a slot that have an epoch are of one incarnation;
 * - every file is created by one incarnation, and the heads' epochs never go down with the numbers that count;
 * - every commit that any owner ever settled counts, once, with the same octets, in the order of its owners: so no two
 *   logs of one object ever both counted (docs/architecture.md, section 6, invariant 2; docs/storage.md, invariants).
 */
import { noLogger } from '../../../src/lib/logging.ts';
import { type DomainId, type Epoch, epochOf, type Incarnation } from '../../../src/store/ids.ts';
import { inspectFile } from '../../../src/store/log/inspect.ts';
import { fileNumbers } from '../../../src/store/log/names.ts';
import { Reader } from '../../../src/store/log/reader.ts';
import { Seals } from '../../../src/store/log/seals.ts';
import type { Lease, LogRecord } from '../../../src/store/log/types.ts';
import { slotOfObject } from '../../../src/store/slots.ts';
import type { FileTree } from '../../support/file-tree.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { hashPayload, type Promised, type Promises } from './promises.ts';

/** Above every control epoch of a run. */
const AUDITOR_EPOCH = epochOf(2 ** 20, 0);
const EVERY_TYPE: ReadonlySet<number> = new Set(Array.from({ length: 256 }, (_, type) => type));

export interface Scanned {
  readonly problems: readonly string[];
  readonly objects: number;
  readonly files: number;
  /** Files that count and follow one of another incarnation. */
  readonly takeOvers: number;
  /** Settled commits' records looked for. */
  readonly checked: number;
}

/** `alive`: accounts that are known to be there; of others the directory may be gone. */
export async function scanStorage(
  tree: FileTree,
  promises: Promises,
  alive: ReadonlySet<string>,
): Promise<Scanned> {
  const fs = new MemoryFs({ tree, kind: 'nfs' });
  const problems: string[] = [];
  const writers = new Map<string, Incarnation>();
  let files = 0;
  let takeOvers = 0;
  let checked = 0;
  for (const [object, directory] of promises.directories) {
    const names = await fs.list(directory).catch(() => undefined);
    const settled = promises.settled.get(object) ?? [];
    if (names === undefined) {
      if (settled.length > 0 && alive.has(object))
        problems.push(`${object}: the directory of ${settled.length} settled records is gone`);
      continue;
    }
    let last: { readonly epoch: Epoch; readonly incarnation: Incarnation } | undefined;
    for (const number of fileNumbers(names)) {
      const file = await inspectFile(fs, directory, number);
      files++;
      if (file.kind === 'damaged') problems.push(`${directory}/${number} is damaged`);
      if (file.kind !== 'whole') continue;
      const { epoch, incarnation } = file.first;
      if (file.first.object !== object) problems.push(`${directory}/${number} is of ${file.first.object}`);
      const writer = `${slotOfKey(object)} ${epoch}`;
      const known = writers.get(writer) ?? incarnation;
      writers.set(writer, known);
      if (known !== incarnation)
        problems.push(`slot and epoch ${writer} have two writers: ${known} and ${incarnation} (${object})`);
      if (last !== undefined && last.incarnation !== incarnation) takeOvers++;
      last = { epoch, incarnation };
    }
    const found = await readObject(fs, directory, object);
    if ('failed' in found) {
      problems.push(`${object} cannot be read: ${found.failed}`);
      continue;
    }
    const sound = settled.filter(({ commit }) => !promises.rotten.has(`${object} ${commit}`));
    if (found.damage > 0 && sound.length === settled.length)
      problems.push(`${object} has ${found.damage} damaged places`);
    checked += sound.length;
    const isCompacted = promises.compacted.has(object);
    problems.push(...missing(object, sound, found.records, isCompacted));
    if (!isCompacted && sound.length === settled.length) problems.push(...disordered(object, found.records));
  }
  return { problems, objects: promises.directories.size, files, takeOvers, checked };
}

interface Found {
  readonly records: readonly Promised[];
  readonly damage: number;
}

async function readObject(
  fs: MemoryFs,
  directory: string,
  object: string,
): Promise<Found | { readonly failed: string }> {
  const records: Promised[] = [];
  const lease: Lease = {
    incarnation: 'auditor' as Incarnation,
    epoch: AUDITOR_EPOCH,
    held: () => true,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: () => undefined,
  };
  const reader = new Reader({
    fs,
    directory,
    object,
    lease,
    seals: new Seals(),
    logger: noLogger,
    knownTypes: EVERY_TYPE,
    missingIsEmpty: true,
    replay: ({ type, epoch, modseq, payload }: LogRecord) =>
      records.push({ type, epoch, modseq, payload: hashPayload([payload]) }),
  });
  try {
    await reader.read(new Set());
    return { records, damage: reader.damage.length };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

/** Every settled record counts, once; a compaction may have said it again. */
function missing(
  object: string,
  settled: readonly Promised[],
  found: readonly Promised[],
  maybeAgain: boolean,
): readonly string[] {
  const count = new Map<string, number>();
  for (const record of found) count.set(keyOf(record), (count.get(keyOf(record)) ?? 0) + 1);
  return settled.flatMap((record) => {
    const times = count.get(keyOf(record)) ?? 0;
    const { type, epoch, modseq } = record;
    return times === 1 || (times > 1 && maybeAgain)
      ? []
      : [
          `${object}: a settled record of type ${type}, epoch ${epoch}, modseq ${modseq} counts ${times} times`,
        ];
  });
}

/** Modseqs and epochs only grow. A compaction says things again, in its own order. */
function disordered(object: string, found: readonly Promised[]): readonly string[] {
  const problems: string[] = [];
  let modseq = 0;
  let epoch = 0;
  for (const record of found) {
    if (record.modseq < modseq) problems.push(`${object}: modseq ${record.modseq} after ${modseq}`);
    if (record.epoch < epoch) problems.push(`${object}: epoch ${record.epoch} after ${epoch}`);
    modseq = record.modseq;
    epoch = record.epoch;
  }
  return problems;
}

function keyOf({ type, epoch, modseq, payload }: Promised): string {
  return `${type} ${epoch} ${modseq} ${payload}`;
}

/** The slot under whose leases an object is written. */
function slotOfKey(object: string): number {
  const [domainId, name, ...serial] = object.split('/') as [string, string, ...string[]];
  const slot = /^slot-(\d+)$/.exec(name);
  if (domainId === '0' && slot !== null) return Number(slot[1]);
  return slotOfObject({ domainId: Number(domainId) as DomainId, name, serial: serial.join('/') });
}

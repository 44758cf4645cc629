/**
 * Writes snapshots and removes those that a newer one makes useless. A snapshot is derived: whatever goes wrong here costs
 * time at the next opening and nothing else, and one that is written late, by an owner that was deposed meanwhile, still
 * says the truth about the octets that it names.
 */
import { Failure } from '../../lib/failure.ts';
import type { Clock, Fs } from '../../platform/platform.ts';
import type { Epoch } from '../ids.ts';
import { SNAPSHOT_OCTETS_MAX } from './limits.ts';
import type { Reader } from './reader.ts';
import type { Segment } from './segment.ts';
import { encodeSnapshot, type SnapshotHeader, seal } from './snapshot-file.ts';
import { snapshotName, snapshotNames } from './snapshot-name.ts';
import type { FileCount } from './types.ts';

export interface SnapshotsOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly directory: string;
}

/** What `Fs.replace` names a snapshot until it is whole. */
const LEFTOVER = /^\.snapshot\..*\.tmp$/;

export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * `content` is called at once; nothing is written before `settled` says that all that it shows is durable. Failure
   * 'limit' when it is too large.
   */
  async write(
    header: SnapshotHeader,
    content: () => Buffer | undefined,
    settled: () => Promise<void>,
  ): Promise<void> {
    const { fs, clock, directory } = this.#options;
    const state = content();
    if (state === undefined) return;
    const bytes = encodeSnapshot(header, state);
    if (bytes.length > SNAPSHOT_OCTETS_MAX)
      throw new Failure('limit', `a snapshot of ${bytes.length} octets; at most ${SNAPSHOT_OCTETS_MAX}`);
    await settled();
    await seal(bytes, () => clock.sleep(0));
    const { file, offset, epoch } = header;
    const name = snapshotName(file, offset, epoch);
    await fs.replace(`${directory}/${name}`, bytes);
    const names = await fs.list(directory);
    // Left by a crash in the middle of writing one; who still writes it fails, and nothing is lost.
    for (const left of names.filter((each) => LEFTOVER.test(each))) await fs.remove(`${directory}/${left}`);
    for (const old of snapshotNames(names))
      if (old.file < file || (old.file === file && old.offset < offset))
        await fs.remove(`${directory}/${old.name}`);
  }
}

/** Where the state now is: what was read, or what was appended too. Undefined for an object without a file. */
export function snapshotHeader(
  object: string,
  epoch: Epoch,
  segment: Segment | undefined,
  /** What counts below the segment. */
  countsBelow: readonly FileCount[],
  reader: Reader,
): SnapshotHeader | undefined {
  const file = segment?.number ?? reader.headNumber;
  const offset = segment?.contentEnd ?? reader.contentEnd;
  const marker = segment?.marker ?? (file === undefined ? undefined : reader.marker(file));
  if (file === undefined || offset === undefined || marker === undefined) return undefined;
  return { object, epoch, file, marker, offset, counts: segment === undefined ? reader.counts : countsBelow };
}

/**
 * Writes snapshots and removes those that a newer one makes useless. A snapshot is derived: whatever goes wrong here costs
 * time at the next opening and nothing else, and one that is written late, by an owner that was deposed meanwhile, still
 * says the truth about the octets that it names.
 */
import { Failure } from '../../lib/failure.ts';
import type { Clock, Fs } from '../../platform/platform.ts';
import { SNAPSHOT_OCTETS_MAX } from './limits.ts';
import { encodeSnapshot, type SnapshotHeader, seal } from './snapshot-file.ts';
import { snapshotName, snapshotNames } from './snapshot-name.ts';

export interface SnapshotsOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly directory: string;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * `content` is called at once; nothing is written before `settled` says that all that it shows is durable. Failure
   * 'limit' when it is too large.
   */
  async write(header: SnapshotHeader, content: () => Buffer, settled: () => Promise<void>): Promise<void> {
    const { fs, clock, directory } = this.#options;
    const bytes = encodeSnapshot(header, content());
    if (bytes.length > SNAPSHOT_OCTETS_MAX)
      throw new Failure('limit', `a snapshot of ${bytes.length} octets; at most ${SNAPSHOT_OCTETS_MAX}`);
    await settled();
    await seal(bytes, () => clock.sleep(0));
    const { file, offset, epoch } = header;
    const name = snapshotName(file, offset, epoch);
    await fs.replace(`${directory}/${name}`, bytes);
    for (const old of snapshotNames(await fs.list(directory)))
      if (old.file < file || (old.file === file && old.offset < offset))
        await fs.remove(`${directory}/${old.name}`);
  }
}

/** What a log is opened with. */
import type { Logger } from '../../lib/logging.ts';
import type { Clock, Fs, Random } from '../../platform/platform.ts';
import type { Holdings } from './purge.ts';
import type { Lease, LogRecord, Restore } from './types.ts';

export interface OpenLogOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: string;
  /** `objectKey(id)`. */
  readonly object: string;
  readonly lease: Lease;
  /** Types of records, 16 and above, that `replay` understands. */
  readonly knownTypes: ReadonlySet<number>;
  readonly logger: Logger;
  /** `StorageFence`: list the directory after each sync. */
  readonly fence: boolean;
  /**
   * Called with each record that counts, in order, while the log is opened and while `writable()` waits. The payload is
   * a view, valid during the call; what is kept must be copied. A commit is replayed whole, in one turn.
   */
  readonly replay: (record: LogRecord) => void;
  /** Called at most once with whole content before any `replay`; without it snapshots are not looked at. */
  readonly restore?: Restore;
  /** Shared by all logs of a worker; without it files that no longer count stay. */
  readonly holdings?: Holdings;
  /** `sealed` of the log of the same object that failed before in this incarnation. */
  readonly seals?: ReadonlyMap<number, number>;
  readonly idleCloseMs?: number;
  /** Creates the directory at the first write when it is missing; without this a missing one is 'unavailable'. */
  readonly makeDirectory?: boolean;
  /** A file that has grown above this is followed by the next number. */
  readonly fileOctetsMax?: number;
}

/**
 * One compaction (docs/storage.md): a next file, what still lives slice by slice with live commits in between, and last
 * the record that says which files no longer count. Invariants: at most one slice is queued at a time, so that no commit
 * waits for more; whatever ends it early leaves all old files counting and records that change nothing.
 */
import { strict as assert } from 'node:assert';
import type { Log, LogMaintenance } from '../log/types.ts';
import { LOOKS_WITHOUT_REST } from './limits.ts';
import type { CompactionSource } from './types.ts';

export interface CompactOptions {
  readonly log: Log;
  readonly maintenance: LogMaintenance;
  readonly source: CompactionSource;
  /** Lets the event loop run. */
  readonly rest: () => Promise<void>;
  /** Ends it between two slices. */
  readonly signal: AbortSignal;
}

/** Resolves when the old files no longer count, for everybody. Rejects with the log's failure or the signal's reason. */
export async function compact(options: CompactOptions): Promise<void> {
  const { log, maintenance, source, rest, signal } = options;
  signal.throwIfAborted();
  await maintenance.rotate();
  const numbers = maintenance.files.slice(0, -1).map(({ file }) => file);
  assert(numbers.length > 0, 'there is a file before the one that rotation began');
  let looks = 0;
  for (const slice of source.slices(new Set(numbers))) {
    signal.throwIfAborted();
    await slice.prepare?.();
    signal.throwIfAborted();
    await log.writable();
    const records = slice.records();
    if (records.length === 0) {
      // It only looked, and waited for nothing.
      if (++looks % LOOKS_WITHOUT_REST === 0) await rest();
      continue;
    }
    slice.applied(log.append(records));
    await log.settled();
  }
  await log.writable();
  signal.throwIfAborted();
  maintenance.replaced(numbers);
  await log.settled();
}

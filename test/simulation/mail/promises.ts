/**
 * What the owners' logs promised: every commit that was settled, by object, with its records as they must be found for
 * ever (docs/storage.md, invariant 4: same type, epoch, modseq and payload). It stands between the host and the log.
 */
import type { HostedLog, OpenLog } from '../../../src/store/host/types.ts';
import type { Epoch } from '../../../src/store/ids.ts';
import type { Log, RecordInput } from '../../../src/store/log/types.ts';
import { hashText } from '../../support/prng.ts';

export interface Promised {
  readonly type: number;
  readonly epoch: Epoch;
  readonly modseq: number;
  readonly payload: number;
}

export class Promises {
  /** In the order in which they settled, by object key. */
  readonly settled = new Map<string, Promised[]>();
  readonly directories = new Map<string, string>();
  commits = 0;

  /** Opens logs that tell this of every commit that settled. */
  watching(openLog: OpenLog): OpenLog {
    return async (options) => {
      const { object, directory, lease } = options;
      this.directories.set(object, directory);
      const log = await openLog(options);
      return new WatchedLog(log, (records) => {
        const known = this.settled.get(object) ?? [];
        this.settled.set(object, known);
        for (const { type, modseq, payload } of records)
          known.push({ type, modseq, epoch: lease.epoch, payload: hashPayload(payload) });
        this.commits++;
      });
    };
  }
}

export function hashPayload(payload: readonly Buffer[]): number {
  return hashText(Buffer.concat(payload).toString('latin1'));
}

class WatchedLog implements HostedLog {
  readonly failed: Promise<Error>;
  readonly #inner: HostedLog;
  readonly #tell: (records: readonly RecordInput[]) => void;
  readonly #waiting: (readonly RecordInput[])[] = [];
  #appended = 0;
  #told = 0;

  constructor(inner: HostedLog, tell: (records: readonly RecordInput[]) => void) {
    this.#inner = inner;
    this.#tell = tell;
    this.failed = inner.failed;
  }

  get maintenance(): NonNullable<Log['maintenance']> {
    return this.#inner.maintenance!;
  }

  writable(): ReturnType<Log['writable']> {
    return this.#inner.writable();
  }

  append(records: readonly RecordInput[]): ReturnType<Log['append']> {
    const places = this.#inner.append(records);
    this.#waiting.push(records);
    this.#appended++;
    return places;
  }

  async settled(): Promise<void> {
    const appended = this.#appended;
    await this.#inner.settled();
    for (; this.#told < appended; this.#told++) this.#tell(this.#waiting.shift()!);
  }

  read(...args: Parameters<Log['read']>): ReturnType<Log['read']> {
    return this.#inner.read(...args);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abandon(reason: string): void {
    this.#inner.abandon(reason);
  }
}

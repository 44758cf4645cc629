/**
 * A Log in memory for tests of accounts: a disk that outlives its logs, group commit with one sync at a time, and faults.
 * A commit is durable when its sync has ended; reopening replays what is durable and nothing else.
 */
import { Failure } from '../../../src/lib/failure.ts';
import type { Epoch } from '../../../src/store/ids.ts';
import type { Log, LogRecord, Place, RecordInput } from '../../../src/store/log/types.ts';

/** What outlives a log: durable records in order. Octets in front of a payload stand for the record's header. */
export class MemoryDisk {
  readonly records: LogRecord[] = [];
  syncs = 0;
  /** The next sync ends with this; it is taken away by that. */
  nextSync: Failure | undefined;
  /** While set, syncs wait for it. */
  gate: Promise<void> | undefined;
}

export interface MemoryLogOptions {
  /** Records above this count are replayed by `writable()` only: another owner wrote them meanwhile. */
  readonly replayFirst?: number;
}

interface Commit {
  readonly records: readonly LogRecord[];
}

const HEADER_OCTETS = 44;

export class MemoryLog implements Log {
  readonly failed: Promise<Error>;
  /** Set by a test: the lease is not held. */
  leaseLost = false;
  closed = false;
  readonly #disk: MemoryDisk;
  readonly #replay: (record: LogRecord) => void;
  readonly #fail: (error: Error) => void;
  #reason: Error | undefined;
  #replayed: number;
  #queued: Commit[] = [];
  #end: number;
  #syncing: Promise<void> | undefined;
  /** Ends with the sync after the present one. */
  #next: Promise<void> | undefined;

  constructor(disk: MemoryDisk, replay: (record: LogRecord) => void, options: MemoryLogOptions = {}) {
    this.#disk = disk;
    this.#replay = replay;
    this.#replayed = 0;
    const failed = Promise.withResolvers<Error>();
    this.failed = failed.promise;
    this.#fail = (error) => {
      this.#reason ??= error;
      failed.resolve(error);
    };
    this.#replayTo(options.replayFirst ?? disk.records.length);
    this.#end = this.#endOf(disk.records.at(-1));
  }

  async writable(): Promise<void> {
    if (this.#reason !== undefined) throw this.#reason;
    if (this.leaseLost) throw new Failure('unavailable', 'lease not held');
    if (this.#replayed < this.#disk.records.length) this.#replayTo(this.#disk.records.length);
  }

  append(records: readonly RecordInput[]): readonly Place[] {
    if (this.#reason !== undefined) throw new Failure('unavailable', 'log has failed');
    if (this.closed) throw new Error('append after close');
    const stored = records.map((input): LogRecord => {
      const payload = Buffer.concat(input.payload);
      const place = { file: 1, offset: this.#end + HEADER_OCTETS, octets: payload.length };
      this.#end = place.offset + place.octets;
      const { type, skippable = false, modseq } = input;
      return { type, skippable, epoch: 1 as Epoch, modseq, payload, place };
    });
    this.#queued.push({ records: stored });
    this.#sync();
    return stored.map((record) => record.place);
  }

  async settled(): Promise<void> {
    if (this.#queued.length > 0) await (this.#next ?? this.#syncing);
    else if (this.#syncing !== undefined) await this.#syncing;
    else if (this.#reason !== undefined) throw this.#reason;
    else if (this.leaseLost) throw new Failure('unavailable', 'lease not held');
  }

  async read(place: Place, from = 0, octets = place.octets - from): Promise<Buffer> {
    for (const {
      place: { offset, octets: length },
      payload,
    } of this.#disk.records)
      if (place.offset >= offset && place.offset + place.octets <= offset + length)
        return Buffer.from(payload.subarray(place.offset - offset + from).subarray(0, octets));
    throw new Failure('damaged', 'nothing durable at this place');
  }

  async close(): Promise<void> {
    this.closed = true;
    while (this.#syncing !== undefined) await this.#syncing.catch(() => undefined);
  }

  /** Fails as a log does by itself: the lease is gone. */
  breakNow(error: Failure): void {
    this.#fail(error);
  }

  #replayTo(count: number): void {
    for (; this.#replayed < count; this.#replayed++) {
      // As in the real log, the payload is a view that is only good during the call.
      const record = this.#disk.records[this.#replayed] as LogRecord;
      const payload = Buffer.from(record.payload);
      this.#replay({ ...record, payload });
      payload.fill(0xee);
    }
    this.#end = this.#endOf(this.#disk.records.at(-1));
  }

  #sync(): void {
    if (this.#syncing !== undefined) {
      this.#next ??= this.#syncing.then(() => this.#syncing);
      this.#next.catch(() => undefined);
      return;
    }
    this.#syncing = this.#write();
    this.#syncing.catch(() => undefined);
  }

  async #write(): Promise<void> {
    const batch = this.#queued;
    this.#queued = [];
    this.#next = undefined;
    try {
      await this.#disk.gate;
      await new Promise((resolve) => setImmediate(resolve));
      this.#disk.syncs++;
      const failure = this.#disk.nextSync;
      this.#disk.nextSync = undefined;
      if (failure !== undefined) throw failure;
      if (this.#reason !== undefined) throw this.#reason;
      for (const { records } of batch) this.#disk.records.push(...records);
      this.#replayed = this.#disk.records.length;
      if (this.leaseLost) throw new Failure('unknown', 'lease lost during the sync');
    } catch (error) {
      this.#queued = [];
      this.#syncing = undefined;
      this.#fail(error as Failure);
      throw error;
    }
    this.#syncing = undefined;
    if (this.#queued.length > 0) this.#sync();
  }

  #endOf(last: LogRecord | undefined): number {
    return last === undefined ? 0 : last.place.offset + last.place.octets;
  }
}

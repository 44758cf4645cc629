/**
 * Appends to the files this incarnation created: one write and sync at a time per log, all that was appended meanwhile
 * in the next one (group commit). Offsets are given out at once, so the queue is the file's future, octet by octet.
 * Nothing settles before the batch it was in is durable and rule 3 has passed. After the first error nothing more is
 * written; what had not settled is 'no-space' or 'unknown', by the error.
 */
import { strict as assert } from 'node:assert';
import { Failure } from '../../lib/failure.ts';
import type { Epoch } from '../ids.ts';
import { isNoSpace } from './errors.ts';
import { BATCH_OCTETS_MAX, PIECE_OCTETS } from './limits.ts';
import { encodeInPieces, encodeRecord, Flag, HEADER_OCTETS, type Header, RecordType } from './record.ts';
import type { Segment } from './segment.ts';
import type { Place } from './types.ts';

/** What is appended: a record of the object or of the log itself. */
export interface AppendRecord {
  readonly type: number;
  readonly skippable?: boolean;
  readonly modseq: number;
  readonly payload: readonly Buffer[];
}

interface QueuedRecord {
  readonly type: number;
  readonly flags: number;
  readonly modseq: number;
  readonly payload: readonly Buffer[];
  readonly payloadOctets: number;
}

/** A commit, or the first write of a file, which is given as octets. */
interface Entry {
  readonly segment: Segment;
  readonly offset: number;
  readonly octets: number;
  readonly seq: number;
  readonly content: readonly QueuedRecord[] | Buffer;
}

interface Waiter {
  readonly seq: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export interface WriterOptions {
  readonly epoch: Epoch;
  readonly segment: Segment;
  /** Rule 3, after each sync. */
  readonly mayShow: (behindClose: boolean) => Promise<boolean>;
  /** Makes the name of a new file durable. */
  readonly syncDirectory: () => Promise<void>;
  /** A file is good up to here. */
  readonly synced: (file: number, octets: number) => void;
  /** Lets the event loop run, between two pieces of a large record. */
  readonly rest: () => Promise<void>;
  /** Nothing more can be written; called once. */
  readonly failed: (reason: Failure) => void;
}

export class Writer {
  readonly #options: WriterOptions;
  #segment: Segment;
  #queue: Entry[] = [];
  #queuedOctets = 0;
  #writing = false;
  #failure: Failure | undefined;
  /** Number of the last entry appended, and of the last one that may be shown. */
  #appended = 0;
  #settled = 0;
  readonly #waiters: Waiter[] = [];

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#segment = options.segment;
  }

  get segment(): Segment {
    return this.#segment;
  }

  /** Octets appended and not yet durable. */
  get queuedOctets(): number {
    return this.#queuedOctets;
  }

  /** Something appended is not settled yet; after a failure: was not, and never will be. */
  get unsettled(): boolean {
    return this.#appended > this.#settled;
  }

  append(records: readonly AppendRecord[]): readonly Place[] {
    const segment = this.#segment;
    const offset = segment.position;
    const places: Place[] = [];
    const queued: QueuedRecord[] = [];
    let octets = 0;
    for (const [index, record] of records.entries()) {
      let payloadOctets = 0;
      for (const part of record.payload) payloadOctets += part.length;
      const flags =
        (record.skippable === true ? Flag.skippable : 0) |
        (index < records.length - 1 ? Flag.goesOn : 0) |
        (index > 0 ? Flag.goneOn : 0);
      queued.push({
        type: record.type,
        flags,
        modseq: record.modseq,
        payload: record.payload,
        payloadOctets,
      });
      places.push({ file: segment.number, offset: offset + octets + HEADER_OCTETS, octets: payloadOctets });
      octets += HEADER_OCTETS + payloadOctets;
    }
    this.#push(octets, queued);
    return places;
  }

  /** Writes a close record unless the file ends in one already; later appends may follow it. */
  appendClose(): void {
    const segment = this.#segment;
    if (segment.closedAt === segment.position) return;
    assert(!this.unsettled, 'a close record follows what is durable');
    this.append([{ type: RecordType.close, modseq: 0, payload: [] }]);
    segment.closedAt = segment.position;
  }

  /** Goes on in a new file, whose first write follows what was appended to the old one. */
  switchTo(segment: Segment, firstWrite: Buffer): void {
    assert.equal(segment.position, 0, 'nothing was written to the new file');
    this.#segment = segment;
    this.#push(firstWrite.length, firstWrite);
  }

  /** Resolves when all that was appended so far may be shown. */
  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.unsettled) return Promise.resolve();
    const last = this.#waiters.at(-1);
    if (last?.seq === this.#appended) return last.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ seq: this.#appended, promise, resolve, reject });
    return promise;
  }

  /** Gives up: nothing more is handed to the kernel, what has not settled never will. */
  fail(reason: Failure): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#queue = [];
    this.#queuedOctets = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
    this.#options.failed(reason);
  }

  #push(octets: number, content: readonly QueuedRecord[] | Buffer): void {
    const segment = this.#segment;
    this.#queue.push({ segment, offset: segment.position, octets, seq: ++this.#appended, content });
    segment.position += octets;
    this.#queuedOctets += octets;
    if (!this.#writing) void this.#write();
  }

  /** Writes batch after batch until the queue is empty. Never rejects. */
  async #write(): Promise<void> {
    this.#writing = true;
    // What the same turn appends shares the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#writeBatch(batch);
      } catch (error) {
        this.fail(writeFailure(error));
      }
    }
    this.#writing = false;
  }

  #takeBatch(): readonly Entry[] {
    const { segment } = this.#queue[0]!;
    let octets = 0;
    let count = 0;
    for (const entry of this.#queue) {
      // A first write is alone, so that whatever follows it states it durable and vouches for it (docs/storage.md).
      if (count > 0 && this.#queue[0]!.offset === 0) break;
      if (entry.segment !== segment || (count > 0 && octets + entry.octets > BATCH_OCTETS_MAX)) break;
      octets += entry.octets;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #writeBatch(batch: readonly Entry[]): Promise<void> {
    const first = batch[0]!;
    const last = batch.at(-1)!;
    const { segment } = first;
    const end = last.offset + last.octets;
    const behindClose = segment.closedAt !== 0 && segment.closedAt >= first.offset && segment.closedAt < end;
    const chunks: Buffer[] = [];
    for (const entry of batch)
      if (entry.octets > PIECE_OCTETS) await this.#encodeInPieces(chunks, entry);
      else this.#encode(chunks, entry);
    // Given up while a large one was summed: nothing more is handed to the kernel.
    if (this.#failure !== undefined) return;
    await segment.file.writeDurably(chunks, first.offset);
    if (first.offset === 0) await this.#options.syncDirectory();
    segment.durable = end;
    this.#options.synced(segment.number, end);
    if (this.#failure !== undefined) return;
    this.#queuedOctets -= end - first.offset;
    if (!(await this.#options.mayShow(behindClose)))
      throw new Failure('unknown', 'the lease was lost while this was written');
    if (this.#failure !== undefined) return;
    this.#settled = last.seq;
    while ((this.#waiters[0]?.seq ?? Infinity) <= last.seq) this.#waiters.shift()!.resolve();
  }

  #encode(chunks: Buffer[], entry: Entry): void {
    for (const [offset, header, { payload, payloadOctets }] of this.#records(chunks, entry))
      encodeRecord(chunks, entry.segment.marker, offset, header, payload, payloadOctets);
  }

  async #encodeInPieces(chunks: Buffer[], entry: Entry): Promise<void> {
    const { marker } = entry.segment;
    for (const [offset, header, { payload, payloadOctets }] of this.#records(chunks, entry))
      await encodeInPieces(chunks, marker, offset, header, payload, payloadOctets, this.#options.rest);
  }

  /** The records of a commit with their offsets and headers; a first write goes to `chunks` as it is. */
  *#records(
    chunks: Buffer[],
    { segment, content, offset: start }: Entry,
  ): Generator<readonly [offset: number, header: Header, record: QueuedRecord]> {
    if (Buffer.isBuffer(content)) {
      chunks.push(content);
      return;
    }
    let offset = start;
    for (const record of content) {
      const { type, flags, modseq } = record;
      yield [offset, { type, flags, epoch: this.#options.epoch, modseq, durable: segment.durable }, record];
      offset += HEADER_OCTETS + record.payloadOctets;
    }
  }
}

function writeFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(isNoSpace(error) ? 'no-space' : 'unknown', message, { cause: error });
}

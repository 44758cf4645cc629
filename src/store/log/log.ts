/**
 * The log of one object: opening, taking, appending, reading (docs/storage.md; fencing rules 1 to 5 are in
 * docs/architecture.md, section 3). This file keeps the phases apart; the work is in its neighbours:
 * `reader` what counts, `take` the order of acts, `writer` one write at a time, `fence` what may be shown.
 */
import { strict as assert } from 'node:assert';
import { Failure, failureCode } from '../../lib/failure.ts';
import { isNoSpace, logFailure, storageFailure } from './errors.ts';
import { Fence } from './fence.ts';
import { encodeFirstRecords, encodeReplaced } from './first-record.ts';
import { ReadHandles } from './handles.ts';
import { Idle } from './idle.ts';
import {
  FILE_OCTETS_MAX,
  IDLE_CLOSE_MS,
  NO_SPACE_RETRY_MS,
  QUEUE_OCTETS_MAX,
  READ_HANDLES_MAX,
  VERIFY_OCTETS_MAX,
} from './limits.ts';
import { MovedPlaces } from './moved.ts';
import type { OpenLogOptions } from './options.ts';
import { Payloads } from './payloads.ts';
import { Purging } from './purge.ts';
import { type Damage, Reader } from './reader.ts';
import { RecordType } from './record.ts';
import { checkInput } from './record-input.ts';
import { Rotation } from './rotation.ts';
import { Seals } from './seals.ts';
import { closeQuietly, type Segment } from './segment.ts';
import { Snapshots, snapshotHeader } from './snapshots.ts';
import { type CreateOptions, createNext, take } from './take.ts';
import type { FileCount, InTurn, Log, LogMaintenance, Place, RecordInput } from './types.ts';
import { Writer } from './writer.ts';

export type { OpenLogOptions } from './options.ts';

/**
 * Reads an object. An object without files, or whose head ends in a close record, is not written to; any other is taken
 * at once. Failure 'unavailable', or 'damaged' when what counts cannot be told. When only space is missing for taking
 * it, the log opens all the same and is read-only: `writable()` fails with 'no-space' until there is room.
 */
export async function openLog(options: OpenLogOptions): Promise<LogImpl> {
  const log = new LogImpl(options);
  await log.open();
  return log;
}

export class LogImpl implements Log, LogMaintenance {
  readonly failed: Promise<Error>;
  readonly #options: OpenLogOptions;
  readonly #create: CreateOptions;
  readonly #reader: Reader;
  readonly #fence: Fence;
  readonly #handles: ReadHandles;
  readonly #payloads: Payloads;
  readonly #snapshots: Snapshots;
  readonly #purging: Purging | undefined;
  readonly #idle: Idle;
  readonly #rotation: Rotation;
  readonly #moved = new MovedPlaces();
  readonly #seals: Seals;
  /** Numbers created by this log; before one is written, reading passes over it. */
  readonly #created = new Set<number>();
  /** Of the files that this log has written. */
  readonly #markers = new Map<number, Buffer>();
  readonly #resolveFailed: (reason: Error) => void;
  #writer: Writer | undefined;
  /** Once taken: the files that count below the one written. */
  #counts: readonly FileCount[] = [];
  /** Files of ours that a later one follows, open until all of them was written. */
  #previous: Segment[] = [];
  #taking: Promise<void> | undefined;
  #failure: Failure | undefined;
  #closing: Promise<void> | undefined;

  /** Use `openLog`. */
  constructor(options: OpenLogOptions) {
    this.#options = options;
    const { fs, clock, random, directory, object, lease, logger, knownTypes, replay, restore, holdings } =
      options;
    this.#seals = Seals.from(options.seals);
    const survey = { fs, directory, object, lease, logger, seals: this.#seals };
    const makeDirectory = options.makeDirectory === true;
    this.#create = { fs, random, directory, object, lease, seals: this.#seals, makeDirectory };
    this.#purging = holdings && new Purging(options, holdings);
    this.#reader = new Reader({
      ...survey,
      knownTypes,
      replay,
      missingIsEmpty: makeDirectory,
      ...(restore && { restore }),
    });
    this.#fence = new Fence({ fs, directory, object, lease, logger, listing: options.fence });
    this.#fence.clear(this.#seals.keys());
    this.#handles = new ReadHandles(fs, directory, READ_HANDLES_MAX);
    this.#payloads = new Payloads(
      object,
      this.#handles,
      (file) => this.#markers.get(file) ?? this.#reader.marker(file),
    );
    this.#snapshots = new Snapshots(options);
    this.#rotation = new Rotation({ clock, logger, object, rotate: () => this.#rotate() });
    this.#idle = new Idle({
      clock,
      afterMs: options.idleCloseMs ?? IDLE_CLOSE_MS,
      isBusy: () => this.#writer?.unsettled === true,
      idle: () => this.#idled(),
    });
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.#resolveFailed = resolve;
  }

  /** Part of `openLog`. */
  async open(): Promise<void> {
    try {
      await this.#reader.read(this.#created);
      if (!this.#reader.clean) await this.#take();
    } catch (error) {
      const failure = storageFailure(error, `cannot open ${this.#options.object}`);
      // Read-only for want of space; the lease was good, what was read may be shown.
      if (failureCode(failure) === 'no-space' && this.#failure === undefined) return;
      this.#fail(logFailure(failure));
      throw failure;
    }
  }

  /** This incarnation's files and how many octets of each are good: for the next `openLog` of this object. */
  get sealed(): ReadonlyMap<number, number> {
    return this.#seals;
  }

  /** Places that were durable and are broken. They were reported to the operator's log when they were found. */
  get damage(): readonly Damage[] {
    return this.#reader.damage;
  }

  get maintenance(): LogMaintenance {
    return this;
  }

  get isDamaged(): boolean {
    return this.damage.length > 0;
  }

  /** Records that were replayed. */
  get replayed(): number {
    return this.#reader.replayed;
  }

  /** The files that count, ascending, the one written last. */
  get files(): readonly FileCount[] {
    const segment = this.#writer?.segment;
    if (segment === undefined) return this.#reader.files;
    return [...this.#counts, { file: segment.number, octets: segment.position }];
  }

  /** Octets of all files that count, what is queued included. */
  get countedOctets(): number {
    return this.files.reduce((sum, count) => sum + count.octets, 0);
  }

  async writable(): Promise<void> {
    this.#refuseWhenOver();
    if (this.#writer === undefined) {
      this.#taking ??= this.#takeForWriting().finally(() => {
        this.#taking = undefined;
      });
      return this.#taking;
    }
    if (!this.#options.lease.held()) throw this.#leaseGone();
    // Slowness travels back: who wants to write more than the storage takes waits here.
    while (this.#writer.queuedOctets > QUEUE_OCTETS_MAX) {
      await this.#writer.settled();
      this.#refuseWhenOver();
    }
  }

  append(records: readonly RecordInput[]): readonly Place[] {
    this.#refuseWhenOver();
    const writer = this.#writer;
    assert(writer !== undefined, 'append follows writable()');
    assert(records.length > 0, 'a commit has records');
    for (const record of records) checkInput(record);
    this.#idle.touch();
    const places = writer.append(records);
    if (writer.segment.position >= (this.#options.fileOctetsMax ?? FILE_OCTETS_MAX))
      this.#rotation.whenTime();
    return places;
  }

  async settled(): Promise<void> {
    if (this.#failure !== undefined) throw this.#afterFailure();
    if (this.#writer?.unsettled === true) return this.#writer.settled();
    if (!this.#options.lease.held()) throw this.#leaseGone();
  }

  /**
   * The octets at a place, or a part of them. A whole payload has its checksum compared. What is still in flight is
   * waited for. Failure 'damaged', or 'unavailable' when the storage does not answer.
   */
  async read(place: Place, from = 0, octets = place.octets - from): Promise<Buffer> {
    this.#refuseWhenOver();
    const start = Math.max(0, Math.min(from, place.octets));
    const count = Math.max(0, Math.min(octets, place.octets - start));
    if (count === 0) return Buffer.alloc(0);
    const current = await this.#durable(place);
    const whole = start === 0 && count === place.octets;
    try {
      return whole && count <= VERIFY_OCTETS_MAX
        ? await this.#payloads.whole(current)
        : await this.#payloads.part(current.file, current.offset + start, count);
    } catch (error) {
      throw storageFailure(error, `cannot read ${this.#options.object}`);
    }
  }

  async readRecord(place: Place): Promise<readonly Buffer[]> {
    this.#refuseWhenOver();
    try {
      return await this.#payloads.record(await this.#durable(place));
    } catch (error) {
      throw storageFailure(error, `cannot read ${this.#options.object}`);
    }
  }

  /** Where a place lies now, when what is there is in the file. */
  async #durable(place: Place): Promise<Place> {
    const segment = this.#writer?.segment;
    const inFlight =
      segment !== undefined &&
      (place.file > segment.number ||
        (place.file === segment.number && place.offset + place.octets > segment.durable) ||
        this.#previous.some((old) => old.number === place.file && place.offset + place.octets > old.durable));
    if (inFlight) await this.settled();
    this.#idle.touch();
    return this.#moved.current(place);
  }

  /** Where a place that was given earlier lies now: what a snapshot must name (a taker copies its predecessor's tail). */
  currentPlace(place: Place): Place {
    return this.#moved.current(place);
  }

  /**
   * Goes on in the next number; resolves when its first record has settled. Appends meanwhile are in order as ever. A
   * compaction begins with this.
   */
  async rotate(): Promise<void> {
    await this.writable();
    const before = this.#writer?.segment.number;
    await this.#rotation.now();
    if (this.#writer?.segment.number === before)
      throw new Failure('unavailable', `${this.#options.object}: no new file could be created`);
    await this.settled();
  }

  /**
   * Ends a compaction: what still lives of these files was appended to the files after them, and they no longer count.
   * Only after `writable()`, in the same turn. The numbers are the oldest that count, and not the file written.
   */
  replaced(numbers: readonly number[]): void {
    this.#refuseWhenOver();
    const writer = this.#writer;
    assert(writer !== undefined, 'replaced follows writable()');
    const oldest = this.#counts.slice(0, numbers.length);
    const sorted = numbers.toSorted((a, b) => a - b);
    assert(
      oldest.length === numbers.length && oldest.every((count, index) => count.file === sorted[index]),
      'the files replaced are the oldest that count',
    );
    this.#idle.touch();
    writer.append([{ type: RecordType.replaced, modseq: 0, payload: [encodeReplaced(sorted)] }]);
    this.#counts = this.#counts.slice(numbers.length);
    this.#purging?.replaced();
  }

  async writeSnapshot(content: () => Buffer | undefined, inTurn: InTurn = (work) => work()): Promise<void> {
    this.#refuseWhenOver();
    const { object, lease } = this.#options;
    const header = snapshotHeader(object, lease.epoch, this.#writer?.segment, this.#counts, this.#reader);
    if (header === undefined || this.isDamaged) return;
    // What was shown is durable and stays so; a lease that goes meanwhile takes nothing of it back.
    const settled = this.#writer?.settled() ?? Promise.resolve();
    settled.catch(() => undefined); // asked for again in its turn
    await inTurn(() => this.#snapshots.write(header, content, () => settled));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Drops the log without writing: the lease is lost, or its host gives it up. What is in flight stays unknown. */
  abandon(reason: string): void {
    this.#fail(new Failure(this.#writer?.unsettled === true ? 'unknown' : 'unavailable', reason));
  }

  async #takeForWriting(): Promise<void> {
    try {
      await this.#take();
    } catch (error) {
      const failure = storageFailure(error, `cannot take ${this.#options.object}`);
      if (failureCode(failure) !== 'no-space') this.#fail(logFailure(failure));
      throw failure;
    }
  }

  async #take(): Promise<void> {
    const { clock, object, logger } = this.#options;
    const seals = this.#seals;
    if (clock.monotonicMs() < seals.takeNotBeforeMs)
      throw new Failure('no-space', `${object}: no space a moment ago`);
    try {
      const taken = await take({
        ...this.#create,
        reader: this.#reader,
        fence: this.#fence,
        created: this.#created,
        rest: () => clock.sleep(0),
      });
      if (this.#failure !== undefined) {
        await closeQuietly(taken.segment);
        throw this.#failure;
      }
      this.#counts = taken.counts;
      this.#moved.set(taken.moved);
      this.#markers.set(taken.segment.number, taken.segment.marker);
      this.#writer = this.#makeWriter(taken.segment);
      seals.takeNotBeforeMs = 0;
      this.#idle.touch();
    } catch (error) {
      if (isNoSpace(error)) {
        seals.takeNotBeforeMs = clock.monotonicMs() + NO_SPACE_RETRY_MS;
        logger.warn({ object, err: error }, 'no space to take an object: it is read-only');
      }
      throw error;
    }
  }

  #makeWriter(segment: Segment): Writer {
    const { fs, clock, directory, lease } = this.#options;
    return new Writer({
      epoch: lease.epoch,
      segment,
      mayShow: (behindClose) => this.#fence.passes(behindClose),
      syncDirectory: () => fs.syncDirectory(directory),
      synced: (file, octets) => this.#synced(file, octets),
      rest: () => clock.sleep(0),
      failed: (reason) => this.#fail(reason),
    });
  }

  #synced(file: number, octets: number): void {
    this.#seals.set(file, octets);
    // The first write of a file follows the last one of the file before.
    const done = this.#previous.filter((segment) => segment.number < file);
    if (done.length === 0) return;
    this.#previous = this.#previous.filter((segment) => segment.number >= file);
    for (const segment of done) void closeQuietly(segment);
  }

  /** Creates the next number while appends go on, then turns to it in one turn. */
  async #rotate(): Promise<void> {
    const { object, lease } = this.#options;
    const old = this.#writer!.segment;
    // A directory that is gone by now is on a mount that is missing.
    const create = { ...this.#create, makeDirectory: false };
    const next = await createNext(create, Math.max(old.number, ...this.#created)).catch((error: unknown) => {
      throw storageFailure(error, `cannot rotate ${object}`);
    });
    this.#created.add(next.number);
    this.#fence.clear([next.number]);
    try {
      // Closed meanwhile: `close` waits for this and ends the old file.
      this.#refuseWhenOver();
      const counts = [...this.#counts, { file: old.number, octets: old.position }];
      const { incarnation, epoch } = lease;
      const { marker } = next;
      const first = encodeFirstRecords({ marker, object, incarnation, epoch, counts, tailOctets: 0 });
      this.#markers.set(next.number, marker);
      this.#previous.push(old);
      this.#counts = counts;
      this.#writer!.switchTo(next, first);
    } catch (error) {
      await closeQuietly(next);
      throw error;
    }
  }

  /** Nobody has used it for a while. */
  #idled(): void {
    const writer = this.#writer;
    if (writer !== undefined && this.#options.lease.held()) writer.appendClose();
    void this.#handles.closeAll();
    if (writer !== undefined)
      void this.#purging?.purge(this.files, [...this.#reader.purgeable, ...this.#created]);
  }

  async #close(): Promise<void> {
    this.#idle.end();
    // Both report to whoever asked for them.
    await this.#taking?.catch(() => undefined);
    await this.#rotation.ended();
    const writer = this.#writer;
    if (writer !== undefined && this.#failure === undefined) {
      try {
        await writer.settled();
        if (this.#options.lease.held()) writer.appendClose();
        await writer.settled();
      } catch (error) {
        // Whoever waited for a commit was told; without a close record the next owner takes the object first.
        this.#options.logger.warn(
          { object: this.#options.object, err: error },
          'a log was not closed in order',
        );
      }
    }
    await this.#release();
  }

  async #release(): Promise<void> {
    this.#idle.end();
    const segments = [this.#writer?.segment, ...this.#previous].filter((segment) => segment !== undefined);
    this.#previous = [];
    await Promise.all([this.#handles.end(), ...segments.map(closeQuietly)]);
  }

  #fail(reason: Failure): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#writer?.fail(reason);
    this.#resolveFailed(reason);
    void this.#release();
  }

  #refuseWhenOver(): void {
    if (this.#failure !== undefined)
      throw new Failure('unavailable', `${this.#options.object} must be opened again`, {
        cause: this.#failure,
      });
    if (this.#closing !== undefined)
      throw new Failure('unavailable', `the log of ${this.#options.object} is closed`);
  }

  /** Who appended something before the failure and asks only now must not be told that nothing happened. */
  #afterFailure(): Failure {
    const reason = this.#failure!;
    if (this.#writer?.unsettled === true) return reason;
    return new Failure('unavailable', `${this.#options.object} must be opened again`, { cause: reason });
  }

  #leaseGone(): Failure {
    return new Failure('unavailable', `the lease of ${this.#options.object} is not held`);
  }
}

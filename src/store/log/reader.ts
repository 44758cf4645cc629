/**
 * Reads what counts of an object, in order, and hands it to `replay`; read again, it hands over only what is new, or
 * fails when what it had handed over no longer counts as it did. So the state above is a function of the records in
 * any case (docs/storage.md, reading an object).
 */
import { errorCode, Failure } from '../../lib/failure.ts';
import { decodeReplaced } from './first-record.ts';
import { type WholeFile, withFile } from './inspect.ts';
import { RETAIN_OCTETS_MAX, SNAPSHOT_TRIES_MAX } from './limits.ts';
import { listNames } from './listing.ts';
import { fileName, fileNumbers } from './names.ts';
import { endOf, Flag, HEADER_OCTETS, OBJECT_TYPE_MIN, type RawRecord, RecordType } from './record.ts';
import { type Gap, type ScanOutcome, scan } from './scan.ts';
import { type Resume, resumeFrom, type SnapshotHeader } from './snapshot-file.ts';
import { type SnapshotName, snapshotNames } from './snapshot-name.ts';
import { type Head, Survey, type SurveyOptions } from './survey.ts';
import type { FileCount, LogRecord, Restore } from './types.ts';

export interface ReaderOptions extends SurveyOptions {
  readonly knownTypes: ReadonlySet<number>;
  readonly replay: (record: LogRecord) => void;
  /** An object without a directory has no files. */
  readonly missingIsEmpty: boolean;
  /** Takes a snapshot in place of the records up to it, before anything is replayed. */
  readonly restore?: Restore;
}

/** A damaged place, for an operator. */
export interface Damage extends Gap {
  readonly file: number;
}

interface HeadState {
  readonly file: WholeFile;
  readonly seal: number | undefined;
  /** Behind the last whole commit. */
  readonly end: number;
  /** Behind the last one that is no close record. */
  readonly contentEnd: number;
  readonly durable: number;
  readonly closed: boolean;
}

/** A part of a file to replay. */
interface Part {
  readonly file: WholeFile;
  readonly from: number;
  /** Infinity: to the end of the file as it is now. */
  readonly to: number;
  /** A file below the head counts exactly `to` octets, all of them durable. */
  readonly durable: number;
}

export class Reader {
  readonly #options: ReaderOptions;
  readonly #survey: Survey;
  readonly #damage: Damage[] = [];
  #numbers: readonly number[] = [];
  #snapshots: readonly SnapshotName[] = [];
  #replayed = 0;
  #counts: readonly FileCount[] = [];
  #head: HeadState | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#survey = new Survey(options);
  }

  /** Numbers seen in the last listing, ascending. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }

  get damage(): readonly Damage[] {
    return this.#damage;
  }

  /** Records handed to `replay`. */
  get replayed(): number {
    return this.#replayed;
  }

  /** Behind the last commit of the head that is no close record; undefined when none was read. */
  get contentEnd(): number | undefined {
    return this.#head?.contentEnd;
  }

  /** The files that count below the head. */
  get counts(): readonly FileCount[] {
    return this.#counts;
  }

  /** Numbers whose files are nobody else's and hold no damage that a person may want to see. */
  get purgeable(): readonly number[] {
    return this.#numbers.filter((number) => this.#survey.isSound(number));
  }

  /** Nothing has to be taken before this object is read: it has no file, or ends in a close record. */
  get clean(): boolean {
    return this.#head === undefined || this.#head.closed;
  }

  get headNumber(): number | undefined {
    return this.#head?.file.number;
  }

  /** The files that count, the head with all that was read of it. */
  get files(): readonly FileCount[] {
    const head = this.#head;
    return head === undefined
      ? this.#counts
      : [...this.#counts, { file: head.file.number, octets: head.seal ?? head.end }];
  }

  /** What a taker's first record lists: the head only as far as somebody has stated it durable. */
  get takerCounts(): readonly FileCount[] {
    const head = this.#head;
    if (head === undefined) return this.#counts;
    const octets = head.seal ?? head.durable;
    return octets > head.file.start ? [...this.#counts, { file: head.file.number, octets }] : this.#counts;
  }

  marker(number: number): Buffer | undefined {
    return this.#survey.whole.get(number)?.first.marker;
  }

  /** Files that cannot be a larger epoch's: their first records are whole and not larger than our lease's. */
  get cleared(): Iterable<number> {
    return this.#survey.whole.keys();
  }

  /** Replays what counts and was not replayed yet. `except` are files of our own that hold nothing yet. */
  async read(except: ReadonlySet<number>): Promise<void> {
    const { fs, directory, missingIsEmpty } = this.#options;
    const names = await listNames(fs, directory, missingIsEmpty);
    const numbers = fileNumbers(names);
    this.#numbers = numbers;
    this.#snapshots = snapshotNames(names);
    const head = await this.#survey.head(numbers.filter((number) => !except.has(number)));
    if (head === undefined) {
      if (this.#head !== undefined) throw this.#changed();
      return;
    }
    await this.#readHead(head);
  }

  /** The records above what `takerCounts` lists of the head, for the taker to copy: its content, in whole commits. */
  async tail(): Promise<readonly RawRecord[]> {
    const head = this.#head;
    if (head === undefined || head.seal !== undefined) return [];
    const from = Math.max(head.durable, head.file.start);
    const records: RawRecord[] = [];
    if (from >= head.contentEnd) return records;
    const part = { file: head.file, from, to: head.contentEnd, durable: 0 };
    const outcome = await this.#scan(part, (commit) => {
      if (commit[0]!.type >= OBJECT_TYPE_MIN) records.push(...commit);
    });
    if (outcome.end !== head.contentEnd) throw this.#changed();
    return records;
  }

  async #readHead(head: Head): Promise<void> {
    const { file, seal } = head;
    const before = this.#head?.file.number === file.number ? this.#head : undefined;
    const isFirst = this.#head === undefined;
    const resumed = isFirst ? await this.#resumeInHead(head) : undefined;
    const from = resumed?.offset ?? before?.end ?? file.start;
    const known = resumed?.counts ?? (before === undefined ? file.first.counts : this.#counts);
    const replaced = new Set<number>();
    // A `replaced` record at the end of the head decides whether older files are read at all, so where there are older
    // ones the head is walked before them and replayed after them. A short one is kept in between.
    const alone = resumed !== undefined || (known.length === 0 && (before !== undefined || isFirst));
    let retained: (readonly RawRecord[])[] | undefined = [];
    const durableBefore = before?.durable ?? resumed?.offset ?? 0;
    const part = { file, from, to: seal ?? Infinity, durable: seal ?? durableBefore };
    const outcome = await this.#scan(part, (commit) => {
      if (commit[0]!.type === RecordType.replaced)
        for (const number of decodeReplaced(commit[0]!.payload) ?? []) replaced.add(number);
      if (alone) return this.#replayCommit(file.number, commit);
      if (endOf(commit.at(-1)!) - from > RETAIN_OCTETS_MAX) retained = undefined;
      retained?.push(commit);
    });
    this.#reportTorn(file.number, outcome);
    const counts = known.filter((count) => !replaced.has(count.file));
    if (resumed === undefined)
      for (const each of await this.#resumeBelow(this.#newParts(counts, file), isFirst))
        await this.#replayPart(each);
    this.#noteDamage(file.number, outcome.damage);
    for (const commit of retained ?? []) this.#replayCommit(file.number, commit);
    if (retained === undefined)
      await this.#scan({ file, from, to: outcome.end, durable: outcome.durable }, (commit) =>
        this.#replayCommit(file.number, commit),
      );
    const nothingNew = outcome.end === from && outcome.torn === undefined;
    this.#counts = counts;
    this.#head = {
      file,
      seal,
      end: outcome.end,
      contentEnd: outcome.contentEnd > from ? outcome.contentEnd : (before?.contentEnd ?? from),
      durable: outcome.durable,
      // A file of ours that failed is taken from in any case, so that what lands in it late can never count.
      closed: seal === undefined && (outcome.closed || (nothingNew && before?.closed === true)),
    };
  }

  /** A snapshot with a place in the head itself: what counts below it is in the snapshot, which need not be read again. */
  async #resumeInHead({ file, seal }: Head): Promise<Resume | undefined> {
    const end = Math.min(seal ?? Infinity, await this.#sizeOf(file));
    return this.#resume(
      (name) => name.file === file.number && name.offset <= end,
      (header) =>
        header.counts.every((count) =>
          file.first.counts.some((each) => each.file === count.file && each.octets === count.octets),
        ),
    );
  }

  /** The parts without what a snapshot with a place in one of these files holds. */
  async #resumeBelow(parts: readonly Part[], isFirst: boolean): Promise<readonly Part[]> {
    if (!isFirst) return parts;
    const resumed = await this.#resume((name) =>
      parts.some(({ file, to }) => file.number === name.file && name.offset <= to),
    );
    if (resumed === undefined) return parts;
    const { file: number, offset: from } = resumed;
    return parts
      .filter(({ file }) => file.number >= number)
      .map((part) => (part.file.number === number ? { ...part, from } : part));
  }

  /** Restores the newest snapshot that can be used, if there is one. It is derived: any other way it is passed over. */
  async #resume(
    maybe: (name: SnapshotName) => boolean,
    fits: (header: SnapshotHeader) => boolean = () => true,
  ): Promise<Resume | undefined> {
    const { restore, logger, object } = this.#options;
    if (restore === undefined) return undefined;
    for (const name of this.#snapshots.filter(maybe).slice(0, SNAPSHOT_TRIES_MAX)) {
      const isOurs = (header: SnapshotHeader): boolean => {
        const file = this.#survey.whole.get(header.file);
        return (
          file !== undefined &&
          header.object === object &&
          header.marker.equals(file.first.marker) &&
          header.offset >= file.start + file.first.tailOctets &&
          fits(header)
        );
      };
      try {
        const resumed = await resumeFrom(this.#options, name, isOurs, restore);
        if (resumed !== undefined) return resumed;
        logger.warn({ object, snapshot: name.name }, 'a snapshot that cannot be used is passed over');
      } catch (err) {
        // A storage that is gone is met again at once, by the files that are the truth.
        logger.warn({ object, snapshot: name.name, err }, 'a snapshot cannot be read and is passed over');
      }
    }
    return undefined;
  }

  #sizeOf(file: WholeFile): Promise<number> {
    if (this.#snapshots.every((name) => name.file !== file.number)) return Promise.resolve(0);
    const { fs, directory } = this.#options;
    return withFile(fs, directory, file.number, (handle) => handle.size());
  }

  #reportTorn(number: number, { torn }: ScanOutcome): void {
    if (torn === undefined || torn.ordinary) return;
    this.#options.logger.warn(
      { ...this.#where(number), from: torn.from, to: torn.to },
      'broken octets at the end of a log, which nobody had stated durable, are dropped',
    );
  }

  /**
   * The parts of files below the head that were not replayed yet. What was replayed must be the beginning of what
   * counts now, else the state above holds something that never was.
   */
  #newParts(counts: readonly FileCount[], head: WholeFile): readonly Part[] {
    const old = this.#head;
    if (old === undefined) return counts.map((count) => this.#part(count, undefined));
    const same = this.#counts.every(
      (count, index) => counts[index]?.file === count.file && counts[index].octets === count.octets,
    );
    if (!same) throw this.#changed();
    const rest = counts.slice(this.#counts.length);
    if (old.file.number === head.number) {
      if (rest.length > 0) throw this.#changed();
      return [];
    }
    const [oldHead, ...later] = rest;
    if (oldHead?.file !== old.file.number || oldHead.octets < old.contentEnd) throw this.#changed();
    return [this.#part(oldHead, old.end), ...later.map((count) => this.#part(count, undefined))];
  }

  #part(count: FileCount, from: number | undefined): Part {
    const file = this.#survey.whole.get(count.file);
    if (file === undefined)
      throw new Failure('damaged', `${this.#where(count.file).file} counts, but is missing or broken`);
    return { file, from: from ?? file.start, to: count.octets, durable: count.octets };
  }

  async #replayPart(part: Part): Promise<void> {
    if (part.from >= part.to) return;
    const { number } = part.file;
    const outcome = await this.#scan(part, (commit) => this.#replayCommit(number, commit));
    this.#noteDamage(number, outcome.damage);
  }

  async #scan(part: Part, commit: (records: readonly RawRecord[]) => void): Promise<ScanOutcome> {
    const { number, first } = part.file;
    const { fs, directory } = this.#options;
    try {
      return await withFile(fs, directory, number, async (file) => {
        const to = part.to === Infinity ? await file.size() : part.to;
        return scan({ file, marker: first.marker, from: part.from, to, durable: part.durable, commit });
      });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      throw new Failure('damaged', `${this.#where(number).file} counts, but is gone`, { cause: error });
    }
  }

  #replayCommit(number: number, commit: readonly RawRecord[]): void {
    for (const record of commit) {
      if (record.type === RecordType.close || record.type === RecordType.replaced) continue;
      const skippable = (record.flags & Flag.skippable) !== 0;
      if (record.type < OBJECT_TYPE_MIN || !this.#options.knownTypes.has(record.type)) {
        if (skippable) continue;
        throw new Failure(
          'unavailable',
          `${this.#where(number).file} holds a record of type ${record.type}, which this member does not know`,
        );
      }
      this.#replayed++;
      this.#options.replay(logRecord(number, record));
    }
  }

  #noteDamage(number: number, gaps: readonly Gap[]): void {
    for (const gap of gaps) {
      this.#damage.push({ file: number, ...gap });
      this.#options.logger.error(
        { ...this.#where(number), from: gap.from, to: gap.to },
        'damaged place in a log; what lies around it is served',
      );
    }
  }

  #where(number: number): { readonly object: string; readonly file: string } {
    return { object: this.#options.object, file: `${this.#options.directory}/${fileName(number)}` };
  }

  #changed(): Failure {
    return new Failure('unavailable', `what counts of ${this.#options.object} has changed; open it again`);
  }
}

function logRecord(number: number, record: RawRecord): LogRecord {
  return {
    type: record.type,
    skippable: (record.flags & Flag.skippable) !== 0,
    epoch: record.epoch,
    modseq: record.modseq,
    payload: record.payload,
    place: { file: number, offset: record.offset + HEADER_OCTETS, octets: record.payload.length },
  };
}

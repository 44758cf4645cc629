/**
 * A log in memory that can be compacted, and keeps every record with a mark of who wrote it: what a test needs to replay a
 * history with and without the records of its compaction, and with and without the files that it replaced.
 */
import type { Epoch } from '../../../src/store/ids.ts';
import type { Log, LogMaintenance, LogRecord, Place, RecordInput } from '../../../src/store/log/types.ts';

const HEADER_OCTETS = 44;

export class RecordingLog implements Log, LogMaintenance {
  readonly failed = new Promise<Error>(() => undefined);
  readonly records: LogRecord[] = [];
  /** Index into `records` of the first of each commit, ascending. */
  readonly commits: number[] = [];
  readonly isDamaged = false;
  readonly replayed = 0;
  snapshot: Buffer | undefined;
  /** Set by `replaced`. */
  gone: readonly number[] | undefined;
  /** Called while something waits to settle. */
  meanwhile: (() => void) | undefined;
  #number = 1;
  #end = 0;

  get maintenance(): LogMaintenance {
    return this;
  }

  get files() {
    const octets = new Map<number, number>([[this.#number, this.#end]]);
    for (const { place } of this.records)
      octets.set(place.file, Math.max(octets.get(place.file) ?? 0, place.offset + place.octets));
    return [...octets]
      .filter(([file]) => !(this.gone?.includes(file) ?? false))
      .map(([file, count]) => ({ file, octets: count }))
      .toSorted((a, b) => a.file - b.file);
  }

  get countedOctets(): number {
    return this.files.reduce((sum, count) => sum + count.octets, 0);
  }

  async writable(): Promise<void> {}

  append(records: readonly RecordInput[]): readonly Place[] {
    this.commits.push(this.records.length);
    return records.map(({ type, skippable = false, modseq, payload }) => {
      const bytes = Buffer.concat(payload);
      const place = { file: this.#number, offset: this.#end + HEADER_OCTETS, octets: bytes.length };
      this.#end = place.offset + place.octets;
      this.records.push({ type, skippable, epoch: 1 as Epoch, modseq, payload: bytes, place });
      return place;
    });
  }

  async settled(): Promise<void> {
    await new Promise((resolve) => void setImmediate(resolve));
    this.meanwhile?.();
  }

  async read(place: Place, from = 0, octets = place.octets - from): Promise<Buffer> {
    const record = this.records.find(
      (each) => each.place.file === place.file && each.place.offset === place.offset,
    );
    if (record === undefined) throw new Error('nothing is there');
    return record.payload.subarray(from, from + octets);
  }

  async readRecord(place: Place): Promise<readonly Buffer[]> {
    await new Promise((resolve) => void setImmediate(resolve));
    return [await this.read(place)];
  }

  async close(): Promise<void> {}

  currentPlace(place: Place): Place {
    return place;
  }

  async rotate(): Promise<void> {
    this.#number++;
    this.#end = 100;
  }

  replaced(numbers: readonly number[]): void {
    this.gone = numbers;
  }

  async writeSnapshot(content: () => Buffer | undefined): Promise<void> {
    this.snapshot = content();
  }
}

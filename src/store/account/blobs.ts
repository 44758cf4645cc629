/**
 * Where the contents of messages lie in the log, by blob id, with the number of messages that have each. Ids only grow,
 * so the table is ascending and found by binary search; a blob without messages leaves the table. 32 octets a blob.
 */
import { firstNot } from '../../lib/ascending.ts';
import type { Place } from '../log/types.ts';
import { type Column, resized } from './grow.ts';

const CAPACITY_MIN = 8;
/** Value in the column of references for a row that waits to be removed. */
const DEAD = -1;
/** Dead rows are removed when there are more of them than this and than living ones. */
const DEAD_KEPT = 1024;

export interface BlobPlace {
  /** The payload of the blob's record. The content is its end; the record is what has a checksum. */
  readonly record: Place;
  /** Octets of the content. */
  readonly octets: number;
}

export interface BlobArrays {
  readonly id: Float64Array<ArrayBuffer>;
  readonly offset: Float64Array<ArrayBuffer>;
  readonly file: Uint32Array<ArrayBuffer>;
  readonly recordOctets: Uint32Array<ArrayBuffer>;
  readonly octets: Uint32Array<ArrayBuffer>;
  readonly references: Int32Array<ArrayBuffer>;
}

export class BlobTable {
  #id = new Float64Array(0);
  #offset = new Float64Array(0);
  #file = new Uint32Array(0);
  #recordOctets = new Uint32Array(0);
  #octets = new Uint32Array(0);
  #references = new Int32Array(0);
  #count = 0;
  #dead = 0;
  #nextId = 1;
  #liveOctets = 0;
  #messages = 0;

  /** The id that the next new blob takes; never one that a record has named before. */
  get nextId(): number {
    return this.#nextId;
  }

  get count(): number {
    return this.#count - this.#dead;
  }

  /** Messages of the whole account, those of copies under way included: what holds the blobs here. */
  get messages(): number {
    return this.#messages;
  }

  /** Octets of all contents that some message has. */
  get liveOctets(): number {
    return this.#liveOctets;
  }

  /** Sets where a blob lies: a new one, or one that was copied elsewhere. */
  put(id: number, { record, octets }: BlobPlace): void {
    this.raiseNextId(id + 1);
    const index = this.#lowerBound(id);
    if (index === this.#count || this.#id[index] !== id) {
      if (this.#count === this.#id.length) this.#resize(Math.max(CAPACITY_MIN, this.#count * 2));
      if (index < this.#count)
        for (const column of this.#columns()) column.copyWithin(index + 1, index, this.#count);
      this.#count++;
      this.#id[index] = id;
      this.#references[index] = 0;
    } else if (this.#references[index] === DEAD) {
      this.#references[index] = 0;
      this.#dead--;
    } else if ((this.#references[index] as number) > 0) {
      this.#liveOctets += octets - (this.#octets[index] as number);
    }
    this.#file[index] = record.file;
    this.#offset[index] = record.offset;
    this.#recordOctets[index] = record.octets;
    this.#octets[index] = octets;
  }

  has(id: number): boolean {
    return this.#find(id) >= 0;
  }

  place(id: number): BlobPlace | undefined {
    const index = this.#find(id);
    if (index < 0) return undefined;
    const record = {
      file: this.#file[index] as number,
      offset: this.#offset[index] as number,
      octets: this.#recordOctets[index] as number,
    };
    return { record, octets: this.#octets[index] as number };
  }

  /** Octets of the content; 0 for an unknown blob. */
  octets(id: number): number {
    const index = this.#find(id);
    return index < 0 ? 0 : (this.#octets[index] as number);
  }

  references(id: number): number {
    const index = this.#find(id);
    return index < 0 ? 0 : (this.#references[index] as number);
  }

  retain(id: number): void {
    const index = this.#find(id);
    if (index < 0) throw new RangeError(`no blob ${id}`);
    this.#messages++;
    if ((this.#references[index] as number)++ === 0) this.#liveOctets += this.#octets[index] as number;
  }

  release(id: number): void {
    this.#releaseAt(this.#find(id), id);
    this.#sweepWhenDue();
  }

  /** The same for each of them; fast where many are neighbours in the table, as those of one mailbox are. */
  releaseAll(ids: Float64Array): void {
    let index = -1;
    for (const id of ids) {
      index++;
      if (index >= this.#count || this.#id[index] !== id || this.#references[index] === DEAD)
        index = this.#find(id);
      this.#releaseAt(index, id);
    }
    this.#sweepWhenDue();
  }

  #releaseAt(index: number, id: number): void {
    if (index < 0) throw new RangeError(`no blob ${id}`);
    this.#messages--;
    if (--(this.#references[index] as number) > 0) return;
    this.#liveOctets -= this.#octets[index] as number;
    this.#references[index] = DEAD;
    this.#dead++;
  }

  /** No new blob gets an id below this one. */
  raiseNextId(nextId: number): void {
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  /** Forgets blobs that no message has: between commits there are some only where the records of messages are missing. */
  dropUnreferenced(): void {
    for (let index = 0; index < this.#count; index++)
      if (this.#references[index] === 0) {
        this.#references[index] = DEAD;
        this.#dead++;
      }
    this.#sweepWhenDue();
  }

  /** Up to `count` ids above this one, ascending. */
  idsAbove(id: number, count: number): readonly number[] {
    const ids: number[] = [];
    for (let index = this.#lowerBound(id + 1); index < this.#count && ids.length < count; index++)
      if (this.#references[index] !== DEAD) ids.push(this.#id[index] as number);
    return ids;
  }

  /** Copies of the columns of all living rows; see snapshot.ts. */
  copy(): BlobArrays {
    if (this.#dead > 0) this.#sweep();
    return {
      id: this.#id.slice(0, this.#count),
      offset: this.#offset.slice(0, this.#count),
      file: this.#file.slice(0, this.#count),
      recordOctets: this.#recordOctets.slice(0, this.#count),
      octets: this.#octets.slice(0, this.#count),
      references: this.#references.slice(0, this.#count),
    };
  }

  /** Takes these arrays, of equal length, in place of all rows. */
  adopt(arrays: BlobArrays, nextId: number): void {
    this.#id = arrays.id;
    this.#offset = arrays.offset;
    this.#file = arrays.file;
    this.#recordOctets = arrays.recordOctets;
    this.#octets = arrays.octets;
    this.#references = arrays.references;
    this.#count = arrays.id.length;
    this.#dead = 0;
    this.#nextId = nextId;
    this.#liveOctets = 0;
    this.#messages = 0;
    for (let index = 0; index < this.#count; index++) {
      const references = this.#references[index] as number;
      this.#messages += references;
      if (references > 0) this.#liveOctets += this.#octets[index] as number;
    }
  }

  /** Ids in the table, ascending. */
  *ids(): Generator<number> {
    for (let index = 0; index < this.#count; index++)
      if (this.#references[index] !== DEAD) yield this.#id[index] as number;
  }

  #find(id: number): number {
    const index = this.#lowerBound(id);
    return index < this.#count && this.#id[index] === id && this.#references[index] !== DEAD ? index : -1;
  }

  #lowerBound(id: number): number {
    // Appending is the common case: the newest blob is asked for right after it was put.
    if (this.#count > 0 && (this.#id[this.#count - 1] as number) <= id)
      return this.#id[this.#count - 1] === id ? this.#count - 1 : this.#count;
    const ids = this.#id;
    return firstNot(0, this.#count, (index) => (ids[index] as number) < id);
  }

  #sweepWhenDue(): void {
    if (this.#dead > DEAD_KEPT && this.#dead > this.count) this.#sweep();
  }

  /** Living rows move to the front. */
  #sweep(): void {
    const references = this.#references;
    // Column by column, as the loop over one array is fast; that which says who lives comes last.
    for (const column of this.#columns()) moveLiving(column, references, this.#count);
    this.#count -= this.#dead;
    this.#dead = 0;
    this.#resize(Math.max(CAPACITY_MIN, this.#count * 2));
  }

  #columns(): readonly Column[] {
    return [this.#id, this.#offset, this.#file, this.#recordOctets, this.#octets, this.#references];
  }

  #resize(capacity: number): void {
    const to = this.#count;
    this.#id = resized(this.#id, capacity, 0, to);
    this.#offset = resized(this.#offset, capacity, 0, to);
    this.#file = resized(this.#file, capacity, 0, to);
    this.#recordOctets = resized(this.#recordOctets, capacity, 0, to);
    this.#octets = resized(this.#octets, capacity, 0, to);
    this.#references = resized(this.#references, capacity, 0, to);
  }
}

function moveLiving(column: Column, references: Int32Array, count: number): void {
  let write = 0;
  for (let read = 0; read < count; read++)
    if (references[read] !== DEAD) column[write++] = column[read] as number;
}

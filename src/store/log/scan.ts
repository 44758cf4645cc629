/**
 * Walks the octets of one file and gives its whole commits (docs/storage.md, reading a file). Invariants:
 * - a commit is given whole or not at all;
 * - a bad place below an offset that the writer knew durable (as a later whole record or the caller says) is damage: it
 *   is passed over and reported, all else is given; a bad end that nobody vouches for is a torn tail, and ends the walk;
 * - at most one piece and one record are in memory, and the event loop runs between pieces.
 */
import { crc32c } from '../../lib/crc32c.ts';
import type { Step } from '../../lib/step.ts';
import type { ReadFile } from '../../platform/platform.ts';
import { PIECE_OCTETS } from './limits.ts';
import {
  endOf,
  Flag,
  HEADER_OCTETS,
  MARKER_OCTETS,
  parseHeader,
  parseRecord,
  type RawRecord,
  RecordType,
  rawRecord,
} from './record.ts';

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface ScanInput {
  readonly file: ReadFile;
  readonly marker: Buffer;
  readonly from: number;
  /** Octets from here on do not count. */
  readonly to: number;
  /** The caller knows the file durable up to here. */
  readonly durable: number;
  /** The records of one commit, ascending; their payloads are views, valid until this returns unless copied. */
  readonly commit: (records: readonly RawRecord[]) => void;
}

export interface ScanOutcome {
  /** Behind the last whole commit. */
  readonly end: number;
  /** Behind the last whole commit that is no close record. */
  readonly contentEnd: number;
  /** The largest offset that somebody knew durable. */
  readonly durable: number;
  /** The last thing in the file is a close record. */
  readonly closed: boolean;
  readonly damage: readonly Gap[];
  readonly torn: TornTail | undefined;
}

export interface TornTail extends Gap {
  /** What a cut write leaves: the octets just run short, or are zeros. Anything else is reported. */
  readonly ordinary: boolean;
}

export async function scan(input: ScanInput): Promise<ScanOutcome> {
  const records = new RecordReader(input.file, input.marker, input.to);
  const damage: Gap[] = [];
  let at = input.from;
  let end = at;
  let contentEnd = at;
  let durable = input.durable;
  /** What a look ahead has found to be durable. */
  let vouched = durable;
  let closed = false;
  let torn: TornTail | undefined;
  let group: RawRecord[] = [];
  /** Closes what cannot be a commit any more; the region takes in what was gathered of it. */
  const giveUp = (to: number) => {
    damage.push({ from: group[0]?.offset ?? at, to });
    group = [];
  };

  while (at < input.to) {
    const step = records.inWindow(at) ?? (await records.load(at));
    if (step.kind === 'value') {
      const record = step.value;
      const goneOn = (record.flags & Flag.goneOn) !== 0;
      durable = Math.max(durable, record.durable);
      // A member of a commit that lost another member to a bad place does not count alone.
      if (!goneOn && group.length > 0) giveUp(at);
      at = endOf(record);
      if (goneOn && group.length === 0) {
        damage.push({ from: record.offset, to: at });
        continue;
      }
      group.push(record);
      if ((record.flags & Flag.goesOn) !== 0) continue;
      closed = group.length === 1 && record.type === RecordType.close;
      end = at;
      if (!closed) contentEnd = end;
      input.commit(group);
      group = [];
      continue;
    }
    const next = await records.search(at + 1);
    if (next !== undefined && at >= vouched)
      vouched = Math.max(vouched, await records.vouchedAbove(at, next));
    if (next !== undefined && at < vouched) {
      giveUp(next);
      at = next;
    } else if (at < input.durable) {
      giveUp(input.to);
      at = input.to;
      end = at;
      contentEnd = at;
    } else {
      const from = group[0]?.offset ?? at;
      const ordinary = next === undefined && (step.kind === 'more' || (await records.zerosFrom(at)));
      torn = { from, to: input.to, ordinary };
      break;
    }
  }
  if (torn === undefined && group.length > 0) {
    if (group[0]!.offset < input.durable) giveUp(input.to);
    else torn = { from: group[0]!.offset, to: input.to, ordinary: true };
  }
  return { end, contentEnd, durable, closed: closed && torn === undefined, damage: merge(damage), torn };
}

/** Whether anything whole lies at or behind an offset. */
export async function anythingWhole(
  file: ReadFile,
  marker: Buffer,
  from: number,
  to: number,
): Promise<boolean> {
  return (await new RecordReader(file, marker, to).search(from)) !== undefined;
}

/**
 * The largest epoch among the whole records of a file of which one states that the first write was durable, or undefined
 * when none does: then the file holds nothing that was ever shown from it, whatever of its first write has landed.
 */
export async function vouchedEpoch(file: ReadFile, marker: Buffer, to: number): Promise<number | undefined> {
  const records = new RecordReader(file, marker, to);
  let largest = 0;
  let vouched = false;
  let at = await records.search(0);
  while (at !== undefined) {
    const step = records.inWindow(at) ?? (await records.load(at));
    if (step.kind === 'value') {
      largest = Math.max(largest, step.value.epoch);
      vouched ||= step.value.durable > 0;
    }
    at = step.kind === 'value' ? endOf(step.value) : await records.search(at + 1);
    if (at !== undefined && at >= to) break;
  }
  return vouched ? largest : undefined;
}

/** Reads records through a window on the file. */
class RecordReader {
  readonly #file: ReadFile;
  readonly #marker: Buffer;
  readonly #to: number;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(file: ReadFile, marker: Buffer, to: number) {
    this.#file = file;
    this.#marker = marker;
    this.#to = to;
  }

  /** The record at an offset when the window settles the question; undefined when octets must be read first. */
  inWindow(offset: number): Step<RawRecord> | undefined {
    const index = offset - this.#windowAt;
    if (index < 0 || index >= this.#window.length) return undefined;
    const step = parseRecord(this.#window, index, offset, this.#marker);
    return step.kind === 'more' ? undefined : step;
  }

  /** The record at an offset, read afresh. */
  async load(offset: number): Promise<Step<RawRecord>> {
    await this.#fill(offset, PIECE_OCTETS);
    const header = parseHeader(this.#window, 0, offset, this.#marker);
    if (header.kind !== 'value') return header;
    const { payloadOctets, seed, crc } = header.value;
    const octets = HEADER_OCTETS + payloadOctets;
    if (offset + octets > this.#to) return { kind: 'more' };
    if (octets <= PIECE_OCTETS) return parseRecord(this.#window, 0, offset, this.#marker);
    // Piece by piece, so that neither the copy nor the checksum of a large record holds up the event loop.
    const payload = Buffer.allocUnsafe(payloadOctets);
    let filled = this.#window.copy(payload, 0, HEADER_OCTETS, octets);
    let sum = crc32c(payload.subarray(0, filled), seed);
    while (filled < payloadOctets) {
      const piece = await this.#file.read(
        offset + HEADER_OCTETS + filled,
        Math.min(PIECE_OCTETS, payloadOctets - filled),
      );
      if (piece.length === 0) return { kind: 'more' };
      sum = crc32c(piece, sum);
      filled += piece.copy(payload, filled);
    }
    if (sum !== crc) return { kind: 'bad', why: 'checksum does not match' };
    return { kind: 'value', value: rawRecord(header.value, offset, payload), next: octets };
  }

  /** The offset of the next whole record at or behind `from`. */
  async search(from: number): Promise<number | undefined> {
    let at = from;
    while (at + HEADER_OCTETS <= this.#to) {
      if (!this.#covers(at, MARKER_OCTETS)) await this.#fill(at, PIECE_OCTETS);
      const index = this.#window.indexOf(this.#marker, at - this.#windowAt);
      if (index < 0) {
        const end = this.#windowAt + this.#window.length;
        if (end >= this.#to || this.#window.length < MARKER_OCTETS) return undefined;
        at = end - MARKER_OCTETS + 1;
        continue;
      }
      at = this.#windowAt + index;
      const step = this.inWindow(at) ?? (await this.load(at));
      if (step.kind === 'value') return at;
      at += 1;
    }
    return undefined;
  }

  /** The first statement, by a whole record from `from` on, that `place` was durable; 0 when there is none. */
  async vouchedAbove(place: number, from: number): Promise<number> {
    let at: number | undefined = from;
    while (at !== undefined && at < this.#to) {
      const step: Step<RawRecord> = this.inWindow(at) ?? (await this.load(at));
      if (step.kind === 'value' && step.value.durable > place) return step.value.durable;
      at = step.kind === 'value' ? endOf(step.value) : await this.search(at + 1);
    }
    return 0;
  }

  async zerosFrom(from: number): Promise<boolean> {
    for (let at = from; at < this.#to; ) {
      if (!this.#covers(at, 1)) await this.#fill(at, PIECE_OCTETS);
      const rest = this.#window.subarray(at - this.#windowAt);
      if (rest.length === 0) return true;
      if (rest.some((octet) => octet !== 0)) return false;
      at += rest.length;
    }
    return true;
  }

  #covers(offset: number, octets: number): boolean {
    return offset >= this.#windowAt && offset + octets <= this.#windowAt + this.#window.length;
  }

  async #fill(offset: number, octets: number): Promise<void> {
    this.#window = await this.#file.read(offset, Math.max(0, Math.min(octets, this.#to - offset)));
    this.#windowAt = offset;
  }
}

/** Neighbouring gaps as one. */
function merge(gaps: readonly Gap[]): readonly Gap[] {
  const merged: Gap[] = [];
  for (const gap of gaps) {
    const last = merged.at(-1);
    if (last !== undefined && last.to >= gap.from)
      merged[merged.length - 1] = { from: last.from, to: gap.to };
    else merged.push(gap);
  }
  return merged;
}

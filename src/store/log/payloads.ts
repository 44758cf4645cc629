/**
 * Reads payloads back by their places. A whole payload has its checksum compared; a part of one cannot. Handles may be
 * stale where a fresh one is not (ESTALE, an old size), so what fails is tried once more.
 */
import { crc32c } from '../../lib/crc32c.ts';
import { errorCode, Failure } from '../../lib/failure.ts';
import type { ReadHandles } from './handles.ts';
import { PIECE_OCTETS } from './limits.ts';
import { HEADER_OCTETS, parseHeader, type UncheckedHeader } from './record.ts';
import type { Place } from './types.ts';

/** Octets between two records that are read along with them rather than in two reads. */
const GAP_OCTETS_MAX = 16 * 1024;

interface Wanted<T> {
  readonly place: Place;
  readonly resolve: (value: T | Promise<T>) => void;
  readonly reject: (reason: unknown) => void;
}

export class Payloads {
  readonly #object: string;
  readonly #handles: ReadHandles;
  readonly #markerOf: (file: number) => Buffer | undefined;
  /** Asked for in this turn. */
  #wanted: Wanted<readonly Buffer[]>[] = [];
  #parts: Wanted<Buffer>[] = [];

  constructor(object: string, handles: ReadHandles, markerOf: (file: number) => Buffer | undefined) {
    this.#object = object;
    this.#handles = handles;
    this.#markerOf = markerOf;
  }

  /**
   * Some octets. Neighbours that are asked for in one turn share a read: the headers that a list of messages shows lie side
   * by side. What it gives may be a view of what the others asked for.
   */
  part(file: number, offset: number, octets: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#parts.push({ place: { file, offset, octets }, resolve, reject });
    if (this.#parts.length === 1) queueMicrotask(() => this.#readParts());
    return promise;
  }

  #readParts(): void {
    const parts = this.#parts;
    this.#parts = [];
    for (const { wanted, from, end } of together(parts)) {
      const { file } = wanted[0]!.place;
      const give = (bytes: Buffer): void => {
        for (const { place, resolve } of wanted)
          resolve(bytes.subarray(place.offset - from, place.offset - from + place.octets));
      };
      const alone = (error: unknown): void => {
        // What is behind the place that cannot be read is no concern of those before it.
        if (wanted.length === 1) wanted[0]!.reject(error);
        else for (const { place, resolve } of wanted) resolve(this.#once(file, place.offset, place.octets));
      };
      this.#once(file, from, end - from).then(give, alone);
    }
  }

  /** In one read. */
  async #once(file: number, offset: number, octets: number): Promise<Buffer> {
    for (let again = false; ; again = true) {
      try {
        return await this.#handles.use(file, async (handle) => {
          const bytes = await handle.read(offset, octets);
          if (bytes.length === octets) return bytes;
          throw new Failure('damaged', `file ${file} ends before ${offset + octets}`);
        });
      } catch (error) {
        if (again || errorCode(error) === 'ENOENT') throw error;
      }
    }
  }

  /** A whole payload in one read. A place inside a payload has no header before it, and no checksum of its own. */
  async whole(place: Place): Promise<Buffer> {
    const at = place.offset - HEADER_OCTETS;
    const bytes = await this.part(place.file, at, HEADER_OCTETS + place.octets);
    const payload = bytes.subarray(HEADER_OCTETS);
    const header = this.#header(bytes, at, place);
    if (header === undefined || crc32c(payload, header.seed) === header.crc) return payload;
    throw this.#broken(place);
  }

  /**
   * A record's payload in pieces, of any size: what is not the payload of a whole record is 'damaged'. Those asked for in
   * one turn share reads where they are neighbours, which matters to a compaction: most of what it copies lies side by side.
   */
  record(place: Place): Promise<readonly Buffer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Buffer[]>();
    this.#wanted.push({ place, resolve, reject });
    if (this.#wanted.length === 1) queueMicrotask(() => this.#readWanted());
    return promise;
  }

  #readWanted(): void {
    const all = this.#wanted;
    this.#wanted = [];
    // A record and its header.
    for (const { wanted, from, end } of together(all, HEADER_OCTETS))
      void this.#readTogether(wanted, from, end);
  }

  /** Never rejects: each is told its own outcome. */
  async #readTogether(
    wanted: readonly Wanted<readonly Buffer[]>[],
    from: number,
    end: number,
  ): Promise<void> {
    try {
      const [first] = wanted;
      if (first === undefined) return;
      if (wanted.length === 1) return first.resolve(await this.#inPieces(first.place));
      const bytes = await this.part(first.place.file, from, end - from);
      for (const { place, resolve, reject } of wanted) {
        const payload = this.#verified(bytes, from, place);
        if (payload === undefined) reject(this.#broken(place));
        else resolve([payload]);
      }
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }

  /** A payload among octets that begin at `from` in its file; undefined when it is not that of a whole record. */
  #verified(bytes: Buffer, from: number, place: Place): Buffer | undefined {
    const header = this.#header(bytes, from, place);
    const payload = bytes.subarray(place.offset - from, place.offset - from + place.octets);
    return header !== undefined && crc32c(payload, header.seed) === header.crc ? payload : undefined;
  }

  /** Of the record whose payload this is, among octets that begin at `from`; undefined when it is that of none. */
  #header(bytes: Buffer, from: number, place: Place): UncheckedHeader | undefined {
    const marker = this.#markerOf(place.file);
    const at = place.offset - HEADER_OCTETS;
    const header = marker && parseHeader(bytes, at - from, at, marker);
    return header?.kind === 'value' && header.value.payloadOctets === place.octets ? header.value : undefined;
  }

  async #inPieces(place: Place): Promise<readonly Buffer[]> {
    const at = place.offset - HEADER_OCTETS;
    const end = place.offset + place.octets;
    const first = await this.part(place.file, at, Math.min(PIECE_OCTETS, HEADER_OCTETS + place.octets));
    const header = this.#header(first, at, place);
    if (header === undefined) throw this.#broken(place);
    const pieces = [first.subarray(HEADER_OCTETS)];
    let crc = crc32c(first.subarray(HEADER_OCTETS), header.seed);
    for (let from = at + first.length; from < end; from += PIECE_OCTETS) {
      const piece = await this.part(place.file, from, Math.min(PIECE_OCTETS, end - from));
      crc = crc32c(piece, crc);
      pieces.push(piece);
    }
    if (crc !== header.crc) throw this.#broken(place);
    return pieces;
  }

  #broken(place: Place): Failure {
    return new Failure('damaged', `${this.#object}: broken octets at ${place.offset} of file ${place.file}`);
  }
}

/** Neighbours, as many as one read takes; each also needs `before` octets that stand before its place. */
function* together<T>(
  all: readonly Wanted<T>[],
  before = 0,
): Generator<{ readonly wanted: readonly Wanted<T>[]; readonly from: number; readonly end: number }> {
  const sorted =
    all.length === 1
      ? all
      : all.toSorted((a, b) => a.place.file - b.place.file || a.place.offset - b.place.offset);
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at]!.place;
    const from = first.offset - before;
    let end = first.offset + first.octets;
    let next = at + 1;
    for (; next < sorted.length; next++) {
      const { file, offset, octets } = sorted[next]!.place;
      const isNear = file === first.file && offset >= end && offset - end <= GAP_OCTETS_MAX;
      if (!isNear || offset + octets - from > PIECE_OCTETS) break;
      end = offset + octets;
    }
    yield { wanted: sorted.slice(at, next), from, end };
    at = next;
  }
}

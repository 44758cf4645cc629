/**
 * Reads payloads back by their places. A whole payload has its checksum compared; a part of one cannot. Handles may be
 * stale where a fresh one is not (ESTALE, an old size), so what fails is tried once more.
 */
import { crc32c } from '../../lib/crc32c.ts';
import { errorCode, Failure } from '../../lib/failure.ts';
import type { ReadHandles } from './handles.ts';
import { PIECE_OCTETS } from './limits.ts';
import { HEADER_OCTETS, parseHeader } from './record.ts';
import type { Place } from './types.ts';

/** Octets between two records that are read along with them rather than in two reads. */
const GAP_OCTETS_MAX = 16 * 1024;

interface Wanted {
  readonly place: Place;
  readonly resolve: (pieces: readonly Buffer[]) => void;
  readonly reject: (reason: unknown) => void;
}

export class Payloads {
  readonly #object: string;
  readonly #handles: ReadHandles;
  readonly #markerOf: (file: number) => Buffer | undefined;
  /** Asked for in this turn. */
  #wanted: Wanted[] = [];

  constructor(object: string, handles: ReadHandles, markerOf: (file: number) => Buffer | undefined) {
    this.#object = object;
    this.#handles = handles;
    this.#markerOf = markerOf;
  }

  /** Some octets, in one read. */
  async part(file: number, offset: number, octets: number): Promise<Buffer> {
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
    const marker = this.#markerOf(place.file);
    const at = place.offset - HEADER_OCTETS;
    const bytes = await this.part(place.file, at, HEADER_OCTETS + place.octets);
    const payload = bytes.subarray(HEADER_OCTETS);
    const header = marker && parseHeader(bytes, 0, at, marker);
    if (header?.kind !== 'value' || header.value.payloadOctets !== place.octets) return payload;
    if (crc32c(payload, header.value.seed) === header.value.crc) return payload;
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
    const wanted = this.#wanted.toSorted(
      (a, b) => a.place.file - b.place.file || a.place.offset - b.place.offset,
    );
    this.#wanted = [];
    for (let at = 0; at < wanted.length; ) {
      const first = (wanted[at] as Wanted).place;
      const from = first.offset - HEADER_OCTETS;
      let end = first.offset + first.octets;
      let next = at + 1;
      for (; next < wanted.length; next++) {
        const { file, offset, octets } = (wanted[next] as Wanted).place;
        const isNear = file === first.file && offset >= end && offset - end <= GAP_OCTETS_MAX;
        if (!isNear || offset + octets - from > PIECE_OCTETS) break;
        end = offset + octets;
      }
      void this.#readTogether(wanted.slice(at, next), from, end);
      at = next;
    }
  }

  /** Never rejects: each is told its own outcome. */
  async #readTogether(wanted: readonly Wanted[], from: number, end: number): Promise<void> {
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
    const marker = this.#markerOf(place.file);
    const at = place.offset - HEADER_OCTETS;
    const header = marker && parseHeader(bytes, at - from, at, marker);
    const payload = bytes.subarray(place.offset - from, place.offset - from + place.octets);
    const isWhole =
      header?.kind === 'value' &&
      header.value.payloadOctets === place.octets &&
      crc32c(payload, header.value.seed) === header.value.crc;
    return isWhole ? payload : undefined;
  }

  async #inPieces(place: Place): Promise<readonly Buffer[]> {
    const marker = this.#markerOf(place.file);
    const at = place.offset - HEADER_OCTETS;
    const end = place.offset + place.octets;
    const first = await this.part(place.file, at, Math.min(PIECE_OCTETS, HEADER_OCTETS + place.octets));
    const header = marker && parseHeader(first, 0, at, marker);
    if (header?.kind !== 'value' || header.value.payloadOctets !== place.octets) throw this.#broken(place);
    const pieces = [first.subarray(HEADER_OCTETS)];
    let crc = crc32c(first.subarray(HEADER_OCTETS), header.value.seed);
    for (let from = at + first.length; from < end; from += PIECE_OCTETS) {
      const piece = await this.part(place.file, from, Math.min(PIECE_OCTETS, end - from));
      crc = crc32c(piece, crc);
      pieces.push(piece);
    }
    if (crc !== header.value.crc) throw this.#broken(place);
    return pieces;
  }

  #broken(place: Place): Failure {
    return new Failure('damaged', `${this.#object}: broken octets at ${place.offset} of file ${place.file}`);
  }
}

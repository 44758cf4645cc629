/**
 * The first record of a file: whose it is, who writes it, and what else counts (docs/storage.md, first record). It is
 * written twice; a file whose two copies are broken has no say. `tailOctets` makes the first write whole or void: were
 * the first record believed while the copied tail behind it was cut off, commits that the predecessor acknowledged
 * would be gone.
 */
import { Encoder, tryDecode } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import type { Epoch, Incarnation } from '../ids.ts';
import { FIRST_RECORD_OCTETS_MAX, HEAD_OCTETS } from './limits.ts';
import { encodeRecord, HEADER_OCTETS, MARKER_OCTETS, parseRecord, RecordType } from './record.ts';
import type { FileCount } from './types.ts';

export interface FirstRecord {
  readonly marker: Buffer;
  readonly object: string;
  readonly incarnation: Incarnation;
  readonly epoch: Epoch;
  /** Ascending by number, which is the order of replay. */
  readonly counts: readonly FileCount[];
  /** Octets of copied records behind the second copy, part of the first write. */
  readonly tailOctets: number;
}

const MAGIC = Buffer.from('POSTLOG1');

/** Both copies, as they begin a file. Failure 'limit' when more files count than a first record can name. */
export function encodeFirstRecords(first: FirstRecord): Buffer {
  const fields = new Encoder()
    .text(first.object)
    .text(first.incarnation)
    .uint(first.epoch)
    .list(first.counts, (count, encoder) => encoder.uint(count.file).uint(count.octets))
    .uint(first.tailOctets)
    .done();
  const payload = Buffer.concat([MAGIC, first.marker, fields]);
  const octets = HEADER_OCTETS + payload.length;
  if (octets > FIRST_RECORD_OCTETS_MAX)
    throw new Failure('limit', `${first.counts.length} files count in ${first.object}: too many to name`);
  const header = { type: RecordType.first, flags: 0, epoch: first.epoch, modseq: 0, durable: 0 };
  const chunks: Buffer[] = [];
  encodeRecord(chunks, first.marker, 0, header, [payload], payload.length);
  encodeRecord(chunks, first.marker, octets, header, [payload], payload.length);
  return Buffer.concat(chunks);
}

export type FoundFirst =
  | {
      readonly kind: 'whole';
      readonly first: FirstRecord;
      /** Where the records behind both copies begin. */
      readonly start: number;
      /** The copy that is broken, if one is. */
      readonly broken: { readonly from: number; readonly to: number } | undefined;
    }
  | {
      readonly kind: 'broken';
      /** What the file's marker may be, for telling a void file from a damaged one. */
      readonly markers: readonly Buffer[];
    };

/** Looks for a whole first record in the beginning of a file, of which `bytes` holds `HEAD_OCTETS` or all. */
export function findFirstRecord(bytes: Buffer): FoundFirst {
  const one = copyAt(bytes, 0, bytes.subarray(0, MARKER_OCTETS));
  if (one !== undefined) {
    const two = copyAt(bytes, one.octets, one.first.marker);
    const broken = two === undefined ? { from: one.octets, to: 2 * one.octets } : undefined;
    return { kind: 'whole', first: one.first, start: 2 * one.octets, broken };
  }
  const markers: Buffer[] = bytes.length >= MARKER_OCTETS ? [bytes.subarray(0, MARKER_OCTETS)] : [];
  for (
    let magic = bytes.indexOf(MAGIC);
    magic >= 0 && magic < HEAD_OCTETS;
    magic = bytes.indexOf(MAGIC, magic + 1)
  ) {
    const after = magic + MAGIC.length;
    const marker = bytes.subarray(after, after + MARKER_OCTETS);
    if (marker.length < MARKER_OCTETS) break;
    markers.push(marker);
    const at = magic - HEADER_OCTETS;
    if (at <= 0) continue;
    const copy = copyAt(bytes, at, marker);
    // The second copy lies where the first, of the same length, ended; anything else only looks like one.
    if (copy === undefined || copy.octets !== at) continue;
    return { kind: 'whole', first: copy.first, start: 2 * at, broken: { from: 0, to: at } };
  }
  return { kind: 'broken', markers };
}

/** One copy, when it is whole. */
function copyAt(
  bytes: Buffer,
  at: number,
  marker: Buffer,
): { first: FirstRecord; octets: number } | undefined {
  if (marker.length < MARKER_OCTETS || at >= bytes.length) return undefined;
  const step = parseRecord(bytes, at, at, marker);
  if (step.kind !== 'value' || step.value.type !== RecordType.first) return undefined;
  const first = decodePayload(step.value.payload);
  if (first === undefined || !first.marker.equals(marker)) return undefined;
  return { first, octets: step.next - at };
}

/** Undefined for octets that are no payload of a first record. */
export function decodePayload(payload: Buffer): FirstRecord | undefined {
  if (payload.length < MAGIC.length + MARKER_OCTETS || !payload.subarray(0, MAGIC.length).equals(MAGIC))
    return undefined;
  const fields = MAGIC.length + MARKER_OCTETS;
  return tryDecode(payload.subarray(fields), (decoder) => {
    const object = decoder.text();
    const incarnation = decoder.text() as Incarnation;
    const epoch = decoder.uint() as Epoch;
    const counts = decoder.list((each) => ({ file: each.uint(), octets: each.uint() }));
    const tailOctets = decoder.uint();
    const ascending = counts.every((count, index) => count.file > (counts[index - 1]?.file ?? 0));
    if (!decoder.atEnd || !ascending) return undefined;
    // A copy: the octets it was read from are not kept.
    const marker = Buffer.from(payload.subarray(MAGIC.length, fields));
    return { marker, object, incarnation, epoch, counts, tailOctets };
  });
}

/** The payload of a `replaced` record. */
export function encodeReplaced(numbers: readonly number[]): Buffer {
  return new Encoder().list(numbers, (number, encoder) => encoder.uint(number)).done();
}

/** Undefined for octets that are no payload of a `replaced` record. */
export function decodeReplaced(payload: Buffer): readonly number[] | undefined {
  return tryDecode(payload, (decoder) => decoder.list((each) => each.uint()));
}

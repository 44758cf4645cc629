/**
 * One record, octets and values (docs/storage.md, record). Invariants: the checksum covers the record's own offset, so
 * octets are a record at one place only; the marker is the file's secret, so nothing that a client sends is a record.
 */
import { crc32c } from '../../lib/crc32c.ts';
import type { Step } from '../../lib/step.ts';
import type { Epoch } from '../ids.ts';
import { INLINE_OCTETS_MAX, PAYLOAD_OCTETS_MAX, PIECE_OCTETS } from './limits.ts';

export const HEADER_OCTETS = 44;
export const MARKER_OCTETS = 8;

/** Types of the log itself; 1 to 15 are its own, the rest belong to the object's kind. */
export const RecordType = { first: 1, close: 2, replaced: 3 } as const;
export const OBJECT_TYPE_MIN = 16;
export const TYPE_MAX = 255;

export const Flag = {
  /** A reader that does not know the type passes over it. */
  skippable: 1,
  /** The commit goes on in the next record. */
  goesOn: 2,
  /** The commit began in an earlier record: behind a damaged place a reader sees that its beginning is gone. */
  goneOn: 4,
} as const;

/** The fields of a header that its checksum covers, and the length. */
export interface Header {
  readonly type: number;
  readonly flags: number;
  /** The epoch in which the record was first written; a copy keeps it, as it is part of ids. */
  readonly epoch: Epoch;
  readonly modseq: number;
  /** The writer knew this file durable up to here. */
  readonly durable: number;
}

export interface RawRecord extends Header {
  /** Of the record's first octet in its file. */
  readonly offset: number;
  /** A view of the octets it was read from. */
  readonly payload: Buffer;
}

const AT = { length: 8, crc: 12, type: 16, flags: 17, zero: 18, epoch: 20, modseq: 28, durable: 36 } as const;
/** The checksum begins with the offset, which stands where length and checksum will be: one run from 8 to 43. */
const CRC_FROM = AT.length;
const TWO_32 = 2 ** 32;

/** Appends the octets of a record that will lie at `offset` to `chunks`. Large payloads are not copied. */
export function encodeRecord(
  chunks: Buffer[],
  marker: Buffer,
  offset: number,
  header: Header,
  payload: readonly Buffer[],
  payloadOctets: number,
): void {
  const inline = payloadOctets <= INLINE_OCTETS_MAX;
  const head = startHead(marker, offset, header, inline ? HEADER_OCTETS + payloadOctets : HEADER_OCTETS);
  let crc: number;
  chunks.push(head);
  if (inline) {
    let at = HEADER_OCTETS;
    for (const part of payload) {
      head.set(part, at);
      at += part.length;
    }
    crc = crc32c(head.subarray(CRC_FROM));
  } else {
    crc = crc32c(head.subarray(CRC_FROM));
    for (const part of payload) {
      crc = crc32c(part, crc);
      chunks.push(part);
    }
  }
  finishHead(head, payloadOctets, crc);
}

/** The same for a payload of any size: above PIECE_OCTETS it is summed in pieces, and `rest` lets the event loop run in between. */
export async function encodeInPieces(
  chunks: Buffer[],
  marker: Buffer,
  offset: number,
  header: Header,
  payload: readonly Buffer[],
  payloadOctets: number,
  rest: () => Promise<void>,
): Promise<void> {
  if (payloadOctets <= PIECE_OCTETS)
    return encodeRecord(chunks, marker, offset, header, payload, payloadOctets);
  const head = startHead(marker, offset, header, HEADER_OCTETS);
  chunks.push(head, ...payload);
  let crc = crc32c(head.subarray(CRC_FROM));
  let summed = 0;
  for (const part of payload)
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + PIECE_OCTETS - summed);
      crc = crc32c(piece, crc);
      at += piece.length;
      summed += piece.length;
      if (summed < PIECE_OCTETS) continue;
      summed = 0;
      await rest();
    }
  finishHead(head, payloadOctets, crc);
}

/** A header without length and checksum; where these will be, the offset stands as long as octets are summed. */
function startHead(marker: Buffer, offset: number, header: Header, octets: number): Buffer {
  const head = Buffer.allocUnsafe(octets);
  head.set(marker, 0);
  head[AT.type] = header.type;
  head[AT.flags] = header.flags;
  head[AT.zero] = 0;
  head[AT.zero + 1] = 0;
  writeU53(head, AT.epoch, header.epoch);
  writeU53(head, AT.modseq, header.modseq);
  writeU53(head, AT.durable, header.durable);
  writeU53(head, CRC_FROM, offset);
  return head;
}

function finishHead(head: Buffer, payloadOctets: number, crc: number): void {
  head.writeUInt32LE(payloadOctets, AT.length);
  head.writeUInt32LE(crc, AT.crc);
}

/** A header as it was read: nothing in it may be believed before the checksum was compared. */
export interface UncheckedHeader extends Header {
  readonly payloadOctets: number;
  readonly crc: number;
  /** The checksum of offset and header, to go on with over the payload. */
  readonly seed: number;
}

/** Reads the 44 octets at `index`, which lie at `offset` in the file. */
export function parseHeader(
  bytes: Buffer,
  index: number,
  offset: number,
  marker: Buffer,
): Step<UncheckedHeader> {
  const whole = bytes.length - index >= HEADER_OCTETS;
  const seen = Math.min(MARKER_OCTETS, bytes.length - index);
  if (bytes.compare(marker, 0, seen, index, index + seen) !== 0) return { kind: 'bad', why: 'no marker' };
  if (!whole) return { kind: 'more' };
  const payloadOctets = bytes.readUInt32LE(index + AT.length);
  if (payloadOctets > PAYLOAD_OCTETS_MAX) return { kind: 'bad', why: 'length too large' };
  if (bytes[index + AT.zero] !== 0 || bytes[index + AT.zero + 1] !== 0)
    return { kind: 'bad', why: 'octets that must be zero are not' };
  const epoch = readU53(bytes, index + AT.epoch);
  const modseq = readU53(bytes, index + AT.modseq);
  const durable = readU53(bytes, index + AT.durable);
  if (epoch === undefined || modseq === undefined || durable === undefined)
    return { kind: 'bad', why: 'integer too large' };
  const covered = Buffer.allocUnsafe(HEADER_OCTETS - CRC_FROM);
  bytes.copy(covered, 0, index + CRC_FROM, index + HEADER_OCTETS);
  writeU53(covered, 0, offset);
  const value: UncheckedHeader = {
    type: bytes[index + AT.type]!,
    flags: bytes[index + AT.flags]!,
    epoch: epoch as Epoch,
    modseq,
    durable,
    payloadOctets,
    crc: bytes.readUInt32LE(index + AT.crc),
    seed: crc32c(covered),
  };
  return { kind: 'value', value, next: index + HEADER_OCTETS };
}

/** The record at `index`, which lies at `offset` in the file, with its checksum compared. */
export function parseRecord(bytes: Buffer, index: number, offset: number, marker: Buffer): Step<RawRecord> {
  const header = parseHeader(bytes, index, offset, marker);
  if (header.kind !== 'value') return header;
  const end = header.next + header.value.payloadOctets;
  if (end > bytes.length) return { kind: 'more' };
  const payload = bytes.subarray(header.next, end);
  if (crc32c(payload, header.value.seed) !== header.value.crc)
    return { kind: 'bad', why: 'checksum does not match' };
  return { kind: 'value', value: rawRecord(header.value, offset, payload), next: end };
}

/** A record from a header whose checksum was compared. */
export function rawRecord(header: UncheckedHeader, offset: number, payload: Buffer): RawRecord {
  const { type, flags, epoch, modseq, durable } = header;
  return { type, flags, epoch, modseq, durable, offset, payload };
}

/** Offset behind a record. */
export function endOf(record: RawRecord): number {
  return record.offset + HEADER_OCTETS + record.payload.length;
}

// Two halves, as BigInts cost more than all the rest of a header.
function writeU53(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value % TWO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

function readU53(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_32;
  return Number.isSafeInteger(value) ? value : undefined;
}

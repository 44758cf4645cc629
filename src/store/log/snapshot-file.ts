/**
 * The file of a snapshot (docs/storage.md, snapshots): what it stands for, the state's columns, a checksum over all. It is
 * derived and never believed against the files: it must name the very file (by its marker) that counts up to its place.
 */

import { crc32c } from '../../lib/crc32c.ts';
import { Encoder, tryDecode } from '../../lib/encoder.ts';
import { errorCode } from '../../lib/failure.ts';
import type { Fs } from '../../platform/platform.ts';
import type { Epoch } from '../ids.ts';
import { PIECE_OCTETS, SNAPSHOT_OCTETS_MAX } from './limits.ts';
import { MARKER_OCTETS } from './record.ts';
import type { SnapshotName } from './snapshot-name.ts';
import type { FileCount, Restore } from './types.ts';

const MAGIC = Buffer.from('POSTSNP1');
const CRC_OCTETS = 4;
/** Magic, length of the header, checksum. */
const FRAME_OCTETS = MAGIC.length + 4 + CRC_OCTETS;

export interface SnapshotHeader {
  readonly object: string;
  readonly epoch: Epoch;
  readonly file: number;
  /** Of that file. */
  readonly marker: Buffer;
  readonly offset: number;
  /** The files that counted below it, ascending. */
  readonly counts: readonly FileCount[];
}

/** Gives the octets with room for the checksum at their end, which `seal` puts there. */
export function encodeSnapshot(header: SnapshotHeader, content: Buffer): Buffer {
  const fields = new Encoder()
    .text(header.object)
    .uint(header.epoch)
    .uint(header.file)
    .bytes(header.marker)
    .uint(header.offset)
    .list(header.counts, (count, encoder) => encoder.uint(count.file).uint(count.octets))
    .done();
  const length = Buffer.alloc(4);
  length.writeUInt32LE(fields.length);
  return Buffer.concat([MAGIC, length, fields, content, Buffer.alloc(CRC_OCTETS)]);
}

/** Sums the octets piece by piece; `rest` lets the event loop run in between. */
export async function seal(bytes: Buffer, rest: () => Promise<void>): Promise<void> {
  const end = bytes.length - CRC_OCTETS;
  let crc = 0;
  for (let at = 0; at < end; at += PIECE_OCTETS) {
    if (at > 0) await rest();
    crc = crc32c(bytes.subarray(at, Math.min(end, at + PIECE_OCTETS)), crc);
  }
  bytes.writeUInt32LE(crc, end);
}

/** Undefined for octets whose header cannot be read; the checksum was compared before. */
export function decodeSnapshot(
  bytes: Buffer,
): { readonly header: SnapshotHeader; readonly content: Buffer } | undefined {
  if (bytes.length < FRAME_OCTETS || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const start = MAGIC.length + 4;
  const end = start + bytes.readUInt32LE(MAGIC.length);
  if (end > bytes.length - CRC_OCTETS) return undefined;
  return tryDecode(bytes.subarray(start, end), (decoder) => {
    const header = {
      object: decoder.text(),
      epoch: decoder.uint() as Epoch,
      file: decoder.uint(),
      marker: Buffer.from(decoder.bytes()),
      offset: decoder.uint(),
      counts: decoder.list((each) => ({ file: each.uint(), octets: each.uint() })),
    };
    if (!decoder.atEnd || header.marker.length !== MARKER_OCTETS) return undefined;
    return { header, content: bytes.subarray(end, bytes.length - CRC_OCTETS) };
  });
}

/** Where replay goes on. */
export interface Resume {
  readonly file: number;
  readonly offset: number;
  readonly counts: readonly FileCount[];
}

/**
 * Restores this snapshot if it is whole and says of itself what the directory and the file say; `fits` looks at its
 * header. Undefined, with nothing done, when it is not to be used. Rejects when the storage gives no answer.
 */
export async function resumeFrom(
  { fs, directory }: { readonly fs: Fs; readonly directory: string },
  name: SnapshotName,
  fits: (header: SnapshotHeader) => boolean,
  restore: Restore,
): Promise<Resume | undefined> {
  const bytes = await readWhole(fs, `${directory}/${name.name}`);
  const found = bytes && decodeSnapshot(bytes);
  if (found === undefined) return undefined;
  const { header, content } = found;
  if (header.file !== name.file || header.offset !== name.offset || !fits(header)) return undefined;
  const { file, offset, counts } = header;
  return restore(content) ? { file, offset, counts } : undefined;
}

/** One sequential read. Undefined when it is gone, too large, or its checksum is wrong. */
async function readWhole(fs: Fs, path: string): Promise<Buffer | undefined> {
  const file = await fs.open(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const size = await file.size();
    if (size < FRAME_OCTETS || size > SNAPSHOT_OCTETS_MAX) return undefined;
    const bytes = Buffer.allocUnsafe(size);
    const summed = size - CRC_OCTETS;
    let crc = 0;
    for (let at = 0; at < size; ) {
      const piece = await file.read(at, Math.min(PIECE_OCTETS, size - at));
      if (piece.length === 0) return undefined;
      piece.copy(bytes, at);
      crc = crc32c(piece.subarray(0, Math.max(0, summed - at)), crc);
      at += piece.length;
    }
    return bytes.readUInt32LE(summed) === crc ? bytes : undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}

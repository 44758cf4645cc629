/**
 * Taking an object (docs/storage.md, taking an object). The order of the acts is the fence itself:
 * create the next number exclusively, *then* list again and read the predecessors, then write both first records and the
 * copied tail in one write, make the name durable, and look at the lease. Predecessors are never touched.
 */
import { errorCode, Failure } from '../../lib/failure.ts';
import type { AppendFile, Fs, Random } from '../../platform/platform.ts';
import type { Fence } from './fence.ts';
import { encodeFirstRecords } from './first-record.ts';
import { CREATE_TRIES_MAX } from './limits.ts';
import { listNumbers } from './listing.ts';
import { filePath } from './names.ts';
import type { Reader } from './reader.ts';
import { encodeInPieces, HEADER_OCTETS, MARKER_OCTETS, type RawRecord } from './record.ts';
import type { Seals } from './seals.ts';
import { closeQuietly, Segment } from './segment.ts';
import type { FileCount, Lease, Place } from './types.ts';

export interface CreateOptions {
  readonly fs: Fs;
  readonly random: Random;
  readonly directory: string;
  readonly object: string;
  readonly lease: Lease;
  /** Every number created here is noted, so that whatever lands in it late is known for ours. */
  readonly seals: Seals;
  readonly makeDirectory: boolean;
}

/** Creates the number after `highest`, or after what a listing shows when somebody else was faster. */
export async function createNext(options: CreateOptions, highest: number): Promise<Segment> {
  const { fs, random, directory, lease, seals, makeDirectory } = options;
  let number = highest + 1;
  for (let tries = 0; tries < CREATE_TRIES_MAX; tries++) {
    try {
      const file = await create(fs, directory, number, makeDirectory);
      seals.set(number, 0);
      return new Segment(number, random.bytes(MARKER_OCTETS), file, 0);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    if (!lease.held())
      throw new Failure('unavailable', `lost the creation of ${filePath(directory, number)}`);
    const numbers = await listNumbers(fs, directory, false);
    number = Math.max(number, numbers.at(-1) ?? 0) + 1;
  }
  throw new Failure('unavailable', `${directory}: ${CREATE_TRIES_MAX} creations were lost`);
}

async function create(
  fs: Fs,
  directory: string,
  number: number,
  makeDirectory: boolean,
): Promise<AppendFile> {
  try {
    return await fs.createExclusive(filePath(directory, number));
  } catch (error) {
    if (!makeDirectory || errorCode(error) !== 'ENOENT') throw error;
    await fs.makeDirectory(directory);
    return fs.createExclusive(filePath(directory, number));
  }
}

export interface TakeOptions extends CreateOptions {
  readonly reader: Reader;
  readonly fence: Fence;
  /** Files that this log created and that hold nothing. */
  readonly created: Set<number>;
  /** Lets the event loop run, between two pieces of a large record. */
  readonly rest: () => Promise<void>;
}

export interface Taken {
  readonly segment: Segment;
  /** The files that count below it. */
  readonly counts: readonly FileCount[];
  /** Old and new places of what was copied. */
  readonly moved: readonly (readonly [from: Place, to: Place])[];
}

/**
 * Failure 'unavailable' when another owner was seen or the lease is gone; errors of file calls as they come. Records
 * that turned up since the last reading are replayed before this resolves.
 */
export async function take(options: TakeOptions): Promise<Taken> {
  const { fs, directory, object, lease, seals, reader, fence, created, rest } = options;
  if (!lease.held()) throw new Failure('unavailable', `the lease of ${object} has run out`);
  const segment = await createNext(options, Math.max(0, reader.numbers.at(-1) ?? 0, ...created));
  created.add(segment.number);
  fence.clear([segment.number]);
  try {
    await reader.read(created);
    const counts = reader.takerCounts;
    fence.clear(reader.cleared);
    fence.clear(counts.map((count) => count.file));
    const tail = await reader.tail();
    let tailOctets = 0;
    for (const record of tail) tailOctets += HEADER_OCTETS + record.payload.length;
    const { marker, number } = segment;
    const { incarnation, epoch } = lease;
    const first = encodeFirstRecords({ marker, object, incarnation, epoch, counts, tailOctets });
    const chunks = [first];
    const moved = await copyTail(chunks, tail, segment, first.length, reader.headNumber ?? 0, rest);
    const octets = first.length + tailOctets;
    await segment.file.writeDurably(chunks, 0);
    await fs.syncDirectory(directory);
    segment.position = octets;
    segment.durable = octets;
    seals.set(number, octets);
    if (!(await fence.passes(false)))
      throw new Failure('unavailable', `the lease of ${object} was lost while it was taken`);
    return { segment, counts, moved };
  } catch (error) {
    // Whatever it was, the first error counts; the file is never written again.
    await closeQuietly(segment);
    throw error;
  }
}

/** Commits as they were, at their new places: type, epoch and modseq travel with a record. */
async function copyTail(
  chunks: Buffer[],
  tail: readonly RawRecord[],
  segment: Segment,
  start: number,
  oldFile: number,
  rest: () => Promise<void>,
): Promise<(readonly [from: Place, to: Place])[]> {
  const moved: (readonly [from: Place, to: Place])[] = [];
  let offset = start;
  for (const record of tail) {
    const { type, flags, epoch, modseq, payload } = record;
    const octets = payload.length;
    const header = { type, flags, epoch, modseq, durable: 0 };
    await encodeInPieces(chunks, segment.marker, offset, header, [payload], octets, rest);
    moved.push([
      { file: oldFile, offset: record.offset + HEADER_OCTETS, octets },
      { file: segment.number, offset: offset + HEADER_OCTETS, octets },
    ]);
    offset += HEADER_OCTETS + octets;
  }
  return moved;
}

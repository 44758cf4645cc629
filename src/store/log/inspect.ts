/**
 * What one file says of itself: whose it is, or void, or damaged (docs/storage.md, which files count). A file is void
 * when neither copy of its first record is whole and no whole record says that its first write was ever durable; with
 * such a record it is damaged.
 */
import type { Fs, ReadFile } from '../../platform/platform.ts';
import { type FirstRecord, findFirstRecord } from './first-record.ts';
import { HEAD_OCTETS } from './limits.ts';
import { filePath } from './names.ts';
import { anythingWhole, type Gap, scan, vouchedEpoch } from './scan.ts';

export interface WholeFile {
  readonly kind: 'whole';
  readonly number: number;
  readonly first: FirstRecord;
  /** Where the records behind both copies begin. */
  readonly start: number;
  /** The copy of the first record that is broken, if one is. */
  readonly broken: Gap | undefined;
}

export type Inspected =
  | WholeFile
  | { readonly kind: 'void'; readonly number: number }
  /** `epoch`: the largest of its whole records. */
  | { readonly kind: 'damaged'; readonly number: number; readonly epoch: number };

/** Holds both copies of almost every first record: one that lists a few files has some 200 octets. */
const SHORT_HEAD_OCTETS = 4096;

export async function inspectFile(fs: Fs, directory: string, number: number): Promise<Inspected> {
  return withFile(fs, directory, number, async (file) => {
    const size = await file.size();
    if (size === 0) return { kind: 'void', number };
    const short = findFirstRecord(await file.read(0, SHORT_HEAD_OCTETS));
    // Only both copies whole say that nothing reaches beyond.
    if (short.kind === 'whole' && short.broken === undefined) return { ...short, number };
    const found = size > SHORT_HEAD_OCTETS ? findFirstRecord(await file.read(0, HEAD_OCTETS)) : short;
    if (found.kind === 'whole') return { ...found, number };
    for (const marker of found.markers) {
      const epoch = await vouchedEpoch(file, marker, size);
      if (epoch !== undefined) return { kind: 'damaged', number, epoch };
    }
    return { kind: 'void', number };
  });
}

/**
 * Whether the first write of a file was finished: its copied tail is whole, or something whole lies behind it, which
 * was written only after the first write had returned.
 */
export async function firstWriteWhole(fs: Fs, directory: string, file: WholeFile): Promise<boolean> {
  const { start, first } = file;
  if (first.tailOctets === 0) return true;
  const end = start + first.tailOctets;
  return withFile(fs, directory, file.number, async (handle) => {
    const size = await handle.size();
    if (size < end) return false;
    const { end: whole, damage } = await scan({
      file: handle,
      marker: first.marker,
      from: start,
      to: end,
      durable: 0,
      commit: () => undefined,
    });
    return (whole === end && damage.length === 0) || anythingWhole(handle, first.marker, end, size);
  });
}

/** Opens afresh, which is what makes another member's octets seen, and closes whatever happens. */
export async function withFile<T>(
  fs: Fs,
  directory: string,
  number: number,
  use: (file: ReadFile) => Promise<T>,
): Promise<T> {
  const file = await fs.open(filePath(directory, number));
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

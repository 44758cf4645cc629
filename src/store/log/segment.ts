/** A file of this incarnation as its writer sees it: what was given out, what is durable, where it was closed. */
import type { AppendFile } from '../../platform/platform.ts';
import { HEADER_OCTETS } from './record.ts';

/** A file of ours. Once a later one exists, nothing more is appended to it. */
export class Segment {
  readonly number: number;
  readonly marker: Buffer;
  readonly file: AppendFile;
  /** Where the next record will lie. */
  position: number;
  /** Known durable up to here. */
  durable: number;
  /** Behind the last close record, 0 when there is none. */
  closedAt = 0;

  constructor(number: number, marker: Buffer, file: AppendFile, written: number) {
    this.number = number;
    this.marker = marker;
    this.file = file;
    this.position = written;
    this.durable = written;
  }

  /** Behind the last commit that is no close record. */
  get contentEnd(): number {
    return this.closedAt !== 0 && this.closedAt === this.position
      ? this.position - HEADER_OCTETS
      : this.position;
  }
}

/** All that was written is durable already: an error at the close of a file tells nothing about it. */
export async function closeQuietly(segment: Segment): Promise<void> {
  await segment.file.close().catch(() => undefined);
}

/** A stored message in memory, with what was read of it. */
import { MessageContent } from '../../src/message/content.ts';
import { greedySlices } from '../imap/mailbox.ts';

export class Stored {
  readonly octets: Buffer;
  readonly content: MessageContent;
  /** Each read: from, and how many octets were asked for. */
  readonly reads: (readonly [from: number, octets: number])[] = [];
  rests = 0;

  constructor(octets: Buffer) {
    this.octets = octets;
    const read = async (from: number, count: number): Promise<Buffer> => {
      this.reads.push([from, count]);
      return octets.subarray(from, from + count);
    };
    const slices = greedySlices(() => this.rests++);
    this.content = new MessageContent(octets.length, read, slices);
  }
}

export async function chunksOf(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

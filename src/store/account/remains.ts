/**
 * The contents of messages that went all at once, with their mailbox or with a copy that was dropped: who has them is gone,
 * and they are let go a part at a time, so that a deletion costs no long turn (docs/architecture.md section 6, invariant 8).
 * Nothing that anybody sees depends on how far this is; replay lets go of all at once.
 */
import type { BlobTable } from './blobs.ts';

export class Remains {
  /** Blobs of messages, one place a message. */
  #waiting: Float64Array[] = [];
  /** Of the first of them so many are done. */
  #done = 0;
  #count = 0;

  /** Messages whose contents are still held. */
  get count(): number {
    return this.#count;
  }

  add(blobs: Float64Array): void {
    if (blobs.length === 0) return;
    this.#waiting.push(blobs);
    this.#count += blobs.length;
  }

  /** Lets go of the contents of at most so many messages. */
  release(table: BlobTable, messagesMax = Number.POSITIVE_INFINITY): void {
    let left = messagesMax;
    while (left > 0) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      const part = first.subarray(this.#done, this.#done + left);
      table.releaseAll(part);
      left -= part.length;
      this.#count -= part.length;
      this.#done += part.length;
      if (this.#done < first.length) return;
      this.#waiting.shift();
      this.#done = 0;
    }
  }
}

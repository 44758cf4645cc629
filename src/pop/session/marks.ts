/**
 * The messages that a session has marked as deleted (RFC 1939 section 5, DELE): by number, for looking up; by UID, which
 * is what QUIT deletes, so that no mistake about numbers could ever delete another message.
 */
import { UidList } from '../uid-list.ts';

export class Marks {
  readonly uids = new UidList();
  /** One bit for each message number; made at the first mark. */
  #bits = new Uint8Array(0);
  readonly #count: number;

  /** `count`: messages in the maildrop. */
  constructor(count: number) {
    this.#count = count;
  }

  has(number: number): boolean {
    return ((this.#bits[number >>> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  add(number: number, uid: number): void {
    this.uids.push(uid);
    if (this.#bits.length === 0) this.#bits = new Uint8Array((this.#count >>> 3) + 1);
    this.#bits[number >>> 3] = (this.#bits[number >>> 3] ?? 0) | (1 << (number & 7));
  }

  clear(): void {
    this.uids.clear();
    this.#bits = new Uint8Array(0);
  }
}

/** UIDs in the order they came, four octets each: a session may mark a million messages. */

const CAPACITY_MIN = 16;
const UID_OCTETS = 4;

export class UidList {
  #uids = new Uint32Array(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(uid: number): void {
    if (this.#count === this.#uids.length) {
      const larger = new Uint32Array(Math.max(CAPACITY_MIN, 2 * this.#count));
      larger.set(this.#uids);
      this.#uids = larger;
    }
    this.#uids[this.#count++] = uid;
  }

  clear(): void {
    this.#uids = new Uint32Array(0);
    this.#count = 0;
  }

  /** At most `count` of them, from an index on. */
  slice(from: number, count: number): number[] {
    return Array.from(this.#uids.subarray(from, Math.min(this.#count, from + count)));
  }

  /** As octets, little-endian, in pieces of at most `count` UIDs. */
  *pieces(count: number): Generator<Buffer> {
    for (let from = 0; from < this.#count; from += count) {
      const uids = this.slice(from, count);
      const piece = Buffer.allocUnsafe(uids.length * UID_OCTETS);
      for (const [index, uid] of uids.entries()) piece.writeUInt32LE(uid, index * UID_OCTETS);
      yield piece;
    }
  }

  /** Adds those of a piece. */
  pushPiece(piece: Buffer): void {
    for (let at = 0; at + UID_OCTETS <= piece.length; at += UID_OCTETS) this.push(piece.readUInt32LE(at));
  }
}

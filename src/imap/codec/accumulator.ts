/**
 * Octets of one command while it arrives. Copies what it is given, so nothing of a receive buffer is kept, and grows by
 * doubling: a peer that sends octet by octet costs no more memory than the octets, and the time stays linear.
 */
const FIRST_OCTETS = 512;

export class Accumulator {
  #buffer = Buffer.allocUnsafe(FIRST_OCTETS);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends a copy. */
  append(octets: Buffer): void {
    const needed = this.#length + octets.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, needed));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    octets.copy(this.#buffer, this.#length);
    this.#length = needed;
  }

  /** A view of the octets from `from` on, valid until the next call of another method. */
  from(from: number): Buffer {
    return this.#buffer.subarray(Math.min(from, this.#length), this.#length);
  }

  /** Keeps only the first `length` octets. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** Hands the octets over and starts anew; they are not written to again. */
  take(): Buffer {
    const octets = this.#buffer.subarray(0, this.#length);
    // A short command in a large buffer must not keep the large buffer alive while the session works on it.
    const owned = octets.length * 2 < this.#buffer.length ? Buffer.from(octets) : octets;
    this.clear();
    return owned;
  }

  clear(): void {
    this.#buffer = Buffer.allocUnsafe(FIRST_OCTETS);
    this.#length = 0;
  }
}

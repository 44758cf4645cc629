/**
 * Collects what arrives until a line is whole. Every octet is looked at once, however small the pieces; of a line that
 * is too long nothing is kept, and it is told once, when its end has come. A line ends in LF, with or without CR before
 * it: people and old programs send LF alone.
 */
export type Line =
  /** Without its end; the octets are the caller's. */
  | { readonly kind: 'line'; readonly octets: Buffer }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'more' };

const LF = 0x0a;
const CR = 0x0d;
const CAPACITY_MIN = 512;
const EMPTY = Buffer.alloc(0);

export class Lines {
  #buffer = EMPTY;
  /** What is not taken yet is from #from to #to; no line end before #searched. */
  #from = 0;
  #to = 0;
  #searched = 0;
  /** The beginning of the line was thrown away: it is too long. */
  #isOver = false;

  get bufferedOctets(): number {
    return this.#to - this.#from;
  }

  /** Copies the piece, as the receive buffer may be used again. */
  push(piece: Buffer): void {
    this.#room(piece.length);
    piece.copy(this.#buffer, this.#to);
    this.#to += piece.length;
  }

  /** The next line of at most `octetsMax` octets, its end included; it is taken off. */
  next(octetsMax: number): Line {
    const end = this.#buffer.subarray(0, this.#to).indexOf(LF, this.#searched);
    if (end < 0) {
      this.#searched = this.#to;
      if (this.bufferedOctets > octetsMax) {
        this.#isOver = true;
        this.#take(this.#to);
      }
      return { kind: 'more' };
    }
    const line = this.#buffer.subarray(this.#from, end + 1);
    const isOver = this.#isOver || line.length > octetsMax;
    const octets = isOver ? EMPTY : Buffer.from(line.subarray(0, line.at(-2) === CR ? -2 : -1));
    this.#isOver = false;
    this.#take(end + 1);
    return isOver ? { kind: 'too-long' } : { kind: 'line', octets };
  }

  /** Throws away what is held: octets behind STARTTLS that came in the clear (RFC 2595 section 4). */
  discard(): void {
    this.#isOver = false;
    this.#take(this.#to);
  }

  #take(to: number): void {
    this.#from = to;
    this.#searched = to;
    if (to < this.#to) return;
    // Nothing is held: an idle connection costs no buffer.
    this.#buffer = EMPTY;
    this.#from = 0;
    this.#to = 0;
    this.#searched = 0;
  }

  #room(octets: number): void {
    if (this.#to + octets <= this.#buffer.length) return;
    const held = this.#buffer.subarray(this.#from, this.#to);
    const next = Buffer.allocUnsafe(Math.max(CAPACITY_MIN, 2 * held.length + octets));
    held.copy(next);
    this.#buffer = next;
    this.#searched -= this.#from;
    this.#to = held.length;
    this.#from = 0;
  }
}

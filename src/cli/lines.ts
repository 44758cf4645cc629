/**
 * Collects what arrives until a line is whole. One buffer that grows by doubling, and every octet is looked at once: a
 * client that sends a long line octet by octet costs hardly more than one that does not.
 */
import type { Step } from '../lib/step.ts';
import { readLine } from './codec.ts';

const OCTETS_AT_FIRST = 512;

export class Lines {
  #buffer = Buffer.allocUnsafe(OCTETS_AT_FIRST);
  /** What is not taken yet is from #from to #to; no line end before #searched. */
  #from = 0;
  #to = 0;
  #searched = 0;

  /** Copies the piece, as the receive buffer may be used again. */
  push(piece: Buffer): void {
    this.#room(piece.length);
    piece.copy(this.#buffer, this.#to);
    this.#to += piece.length;
  }

  /** The next line, which is taken off. After 'bad' there is no next. */
  next(octetsMax: number): Step<string> {
    const held = this.#buffer.subarray(0, this.#to);
    const hasEnd = held.indexOf(0x0a, this.#searched) >= 0;
    this.#searched = hasEnd ? this.#from : this.#to;
    if (!hasEnd && this.#to - this.#from <= octetsMax) return { kind: 'more' };
    const step = readLine(held, this.#from, octetsMax);
    if (step.kind === 'value') {
      this.#from = step.next;
      this.#searched = step.next;
    }
    return step;
  }

  #room(octets: number): void {
    if (this.#to + octets <= this.#buffer.length) return;
    const held = this.#buffer.subarray(this.#from, this.#to);
    const size = Math.max(OCTETS_AT_FIRST, 2 * (held.length + octets));
    const next = Buffer.allocUnsafe(size);
    held.copy(next);
    this.#buffer = next;
    this.#searched -= this.#from;
    this.#to = held.length;
    this.#from = 0;
  }
}

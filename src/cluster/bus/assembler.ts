/**
 * Puts one lane's frames together to messages. The buffer grows with what came, not with what was announced, so that a
 * peer pays for each octet of memory it takes.
 */
import type { Step } from '../../lib/step.ts';
import { type Frame, FrameFlag, LENGTH_OCTETS } from './frame.ts';

/** What is allocated at first for a message of several frames: one that carries 128 KiB of mail fits. */
const START_OCTETS = 132 * 1024;

export class Assembler {
  #buffer: Buffer | undefined;
  #total = 0;
  #filled = 0;

  /** Whole length of the message that has begun and not ended; else 0. */
  get begunOctets(): number {
    return this.#buffer === undefined ? 0 : this.#total;
  }

  /** Octets that are here of the message that has begun and not ended. */
  get filledOctets(): number {
    return this.#buffer === undefined ? 0 : this.#filled;
  }

  /** Takes the next frame; the value is a buffer of the message's own. */
  take(frame: Frame, octetsMax: number): Step<Buffer> {
    const first = (frame.flags & FrameFlag.first) !== 0;
    const last = (frame.flags & FrameFlag.last) !== 0;
    if (first !== (this.#buffer === undefined))
      return bad(first ? 'a message inside of another' : 'the middle of no message');
    if (first && last) {
      if (frame.payload.length > octetsMax) return bad(`message of ${frame.payload.length} octets`);
      return { kind: 'value', value: Buffer.from(frame.payload), next: frame.payload.length };
    }
    let piece = frame.payload;
    if (first) {
      if (piece.length < LENGTH_OCTETS) return bad('a message without its length');
      this.#total = piece.readUInt32LE(0);
      piece = piece.subarray(LENGTH_OCTETS);
      if (this.#total > octetsMax) return bad(`message of ${this.#total} octets`);
      this.#buffer = Buffer.allocUnsafe(Math.min(this.#total, START_OCTETS));
      this.#filled = 0;
    }
    if (piece.length === 0) return bad('an empty piece of a message');
    if (this.#filled + piece.length > this.#total) return bad('message longer than announced');
    const buffer = this.#room(piece.length);
    piece.copy(buffer, this.#filled);
    this.#filled += piece.length;
    if (last !== (this.#filled === this.#total)) return bad('message does not end where announced');
    if (!last) return { kind: 'more' };
    this.#buffer = undefined;
    return { kind: 'value', value: buffer, next: frame.payload.length };
  }

  #room(octets: number): Buffer {
    let buffer = this.#buffer ?? Buffer.alloc(0);
    if (this.#filled + octets > buffer.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(this.#total, Math.max(buffer.length * 2, this.#filled + octets)),
      );
      buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
      buffer = larger;
    }
    return buffer;
  }
}

function bad(why: string): { readonly kind: 'bad'; readonly why: string } {
  return { kind: 'bad', why };
}

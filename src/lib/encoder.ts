/** Fields of binary payloads: unsigned LEB128 integers, length-prefixed octets and text, lists. See docs/storage.md. */
const CHUNK = 256;

export class Encoder {
  #buffer = Buffer.allocUnsafe(CHUNK);
  #length = 0;

  /** 0 … 2^53 - 1, seven bits an octet, low bits first. */
  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned integer: ${value}`);
    this.#room(8);
    let rest = value;
    while (rest > 127) {
      this.#buffer[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  bool(value: boolean): this {
    return this.uint(value ? 1 : 0);
  }

  bytes(value: Uint8Array): this {
    this.uint(value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** UTF-8. */
  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  list<T>(values: readonly T[], each: (value: T, encoder: Encoder) => void): this {
    this.uint(values.length);
    for (const value of values) each(value, this);
    return this;
  }

  /** The octets written so far; the encoder is not used after that. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(octets: number): void {
    if (this.#length + octets <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + octets));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Thrown by a Decoder when the octets do not hold what was asked for. */
export class DecodeError extends Error {}

export class Decoder {
  readonly #buffer: Buffer;
  #at = 0;
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get offset(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#buffer.length;
  }

  uint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 8; count++) {
      const octet = this.#buffer[this.#at++];
      if (octet === undefined) throw new DecodeError('integer cut short');
      value += (octet & 127) * factor;
      if (octet < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 128;
    }
    throw new DecodeError('integer too large');
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** A view into the buffer, not a copy. */
  bytes(): Buffer {
    const length = this.uint();
    if (this.#at + length > this.#buffer.length) throw new DecodeError('octets cut short');
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  list<T>(each: (decoder: Decoder) => T): T[] {
    const length = this.uint();
    // Every element takes at least one octet, so a longer list is a lie and costs no memory here.
    if (length > this.#buffer.length - this.#at) throw new DecodeError('list longer than its octets');
    return Array.from({ length }, () => each(this));
  }
}

/** What `read` finds in some octets; undefined when they do not hold what it asks for. */
export function tryDecode<T>(octets: Buffer, read: (decoder: Decoder) => T): T | undefined {
  try {
    return read(new Decoder(octets));
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/**
 * The answer of the running command on its way to the frontend. Nothing leaves before the gate has opened: the state it
 * was made from is durable, and the lease was held after that (docs/architecture.md, section 3, rule 3).
 *
 * Every flush says how far the answer has come (`progress`), in whatever the command counts, so that the next owner can
 * go on from there. Where the answer is the same octets at every owner, its position in them is all it takes: the next
 * owner makes it again and skips what the client has.
 */

/** Takes octets towards the client and resolves when more are welcome. */
export type Send = (bytes: Buffer, progress: number) => Promise<void>;

/** Above this much a long command sends what it has; a piece of twice this fits in one message of the bus. */
export const FLUSH_OCTETS = 128 * 1024;

export class Output {
  readonly #gate: () => Promise<void>;
  readonly #send: Send;
  #parts: Buffer[] = [];
  #octets = 0;
  #position = 0;
  #skip: number;

  /** One for each command. `skip`: so many of the first octets the client has from an earlier owner. */
  constructor(gate: () => Promise<void>, send: Send, skip = 0) {
    this.#gate = gate;
    this.#send = send;
    this.#skip = skip;
  }

  /** Octets of the answer so far, those skipped included. */
  get position(): number {
    return this.#position;
  }

  /** CRLF is added; the text must hold no line end. */
  line(text: string): void {
    this.bytes(Buffer.from(`${text}\r\n`));
  }

  bytes(part: Buffer): void {
    this.#position += part.length;
    const skipped = Math.min(this.#skip, part.length);
    this.#skip -= skipped;
    if (skipped === part.length) return;
    this.#parts.push(part.subarray(skipped));
    this.#octets += part.length - skipped;
  }

  /** Where a long command may be taken up again: sends when enough has come together. */
  async flushIfLarge(progress: number): Promise<void> {
    if (this.#octets >= FLUSH_OCTETS) await this.#send(await this.last(), progress);
  }

  /** Takes what is left, to be sent with the news of the command's end. */
  async last(): Promise<Buffer> {
    const bytes = Buffer.concat(this.#parts, this.#octets);
    this.#parts = [];
    this.#octets = 0;
    await this.#gate();
    return bytes;
  }
}

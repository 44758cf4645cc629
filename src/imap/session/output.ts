/**
 * Responses of the running command on their way to the frontend. Nothing leaves before the gate has opened: the state it
 * was made from is durable, and the lease was held after that (docs/architecture.md, section 3, rule 3).
 */
import { joined } from '../../lib/joined.ts';
import type { Told } from '../wire.ts';

/** Takes bytes towards the client and resolves when more are welcome. */
export type Send = (bytes: Buffer, whole: boolean, told: Told | undefined) => Promise<void>;

/** Above this much a long command sends what it has. */
const FLUSH_OCTETS = 64 * 1024;

export class Output {
  #parts: Buffer[] = [];
  #octets = 0;
  /** Inside a response: a command that fails now cannot be answered any more. */
  isCut = false;
  #hasSentPart = false;
  /** What there was before the response that `part` began, while all of that is here. */
  #begun: { readonly parts: number; readonly octets: number } | undefined;
  readonly #gate: () => Promise<void>;
  readonly #send: Send;

  constructor(gate: () => Promise<void>, send: Send) {
    this.#gate = gate;
    this.#send = send;
  }

  /** `* ` is the caller's; CRLF is added. The text must hold no line end. */
  line(text: string): void {
    this.bytes(Buffer.from(`${text}\r\n`));
  }

  lines(texts: readonly string[]): void {
    if (texts.length > 0) this.bytes(Buffer.from(`${texts.join('\r\n')}\r\n`));
  }

  bytes(...parts: readonly Buffer[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#octets += part.length;
    }
  }

  /** A part of a response that must be brought to its end, by `whole`: sends when enough has come together. */
  async part(octets: Buffer): Promise<void> {
    if (!this.isCut) this.#begun = { parts: this.#parts.length, octets: this.#octets };
    this.isCut = true;
    this.bytes(octets);
    if (this.#octets < FLUSH_OCTETS) return;
    this.#begun = undefined;
    this.#hasSentPart = true;
    const rest = await this.#sendAllButLast();
    await this.#send(rest, false, undefined);
  }

  /** The response that `part` began is complete. */
  whole(): void {
    this.isCut = false;
  }

  /** Takes back the response that `part` began; false when the client has some of it. */
  takeBack(): boolean {
    if (this.#begun === undefined) return false;
    this.#parts.length = this.#begun.parts;
    this.#octets = this.#begun.octets;
    this.isCut = false;
    return true;
  }

  /** Between two responses of a long command: enough has come together to be sent by `flush`. */
  get isLarge(): boolean {
    return this.#hasSentPart || this.#octets >= FLUSH_OCTETS;
  }

  /** Sends all; `told` is what the client knows once it has read this. */
  async flush(told: Told | undefined): Promise<void> {
    if (this.#octets === 0 && told === undefined) return;
    const rest = await this.#sendAllButLast();
    await this.#send(rest, true, told);
    this.#hasSentPart = false;
  }

  /** At the end of a command: what is left to be sent with the news of its end. */
  async last(): Promise<Buffer> {
    return await this.#sendAllButLast();
  }

  async #sendAllButLast(): Promise<Buffer> {
    // Whole responses that fit go in one message: between two of them the client would be in the middle of one.
    const isOne = !this.isCut && this.#octets <= MESSAGE_OCTETS;
    const parts = isOne ? [Buffer.concat(this.#parts, this.#octets)] : joined(this.#parts);
    this.#parts = [];
    this.#octets = 0;
    await this.#gate();
    let last: Buffer | undefined;
    for (const part of parts)
      for (let from = 0; from < part.length; from += MESSAGE_OCTETS) {
        if (last !== undefined) await this.#send(last, false, undefined);
        last = part.subarray(from, from + MESSAGE_OCTETS);
      }
    return last ?? NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

/** Of one bus message: below the stream's limit of 1 MiB. */
const MESSAGE_OCTETS = 256 * 1024;

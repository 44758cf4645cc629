/**
 * Frames of the bus: a header of 12 octets and a payload. docs/bus.md has them octet by octet. Pure but for the reader's
 * own buffer; a frame handed out lies in the receive buffer and is copied by whoever keeps it.
 */

/** Numbers on the wire; never reused. */
export const FrameType = {
  hello: 1,
  close: 2,
  ping: 3,
  pong: 4,
  credit: 5,
  notice: 16,
  call: 17,
  answer: 18,
  failure: 19,
  cancel: 20,
  open: 24,
  message: 25,
  fin: 26,
  reset: 27,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Frame types that carry a piece of a message; all others are whole in one frame. */
export type MessageType = 16 | 17 | 18 | 24 | 25;

export const FrameFlag = {
  /** The message begins here; without `last` its whole length is in the first 4 octets of the payload. */
  first: 1,
  /** The message ends here. */
  last: 2,
  /** The message is outside of the credit and was sent ahead of the others. */
  urgent: 4,
} as const;
const FLAGS_KNOWN = 7;

export const HEADER_OCTETS = 12;
/** Payload of a frame that is not a piece of a message. */
export const CONTROL_OCTETS_MAX = 8192;
/** Octets of the whole length at the beginning of a message of several frames. */
export const LENGTH_OCTETS = 4;

const TYPES: ReadonlySet<number> = new Set(Object.values(FrameType));
const MESSAGES: ReadonlySet<number> = new Set([16, 17, 18, 24, 25]);

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  /** Stream id: of a call, notice or stream; 0 is the connection itself. */
  readonly id: number;
  /** A view into the receive buffer or the reader's own, valid until `onFrame` returns. */
  readonly payload: Buffer;
}

export function isMessage(type: FrameType): type is MessageType {
  return MESSAGES.has(type);
}

/** Writes a header into the first 12 octets of `into`. */
export function writeHeader(into: Buffer, type: FrameType, flags: number, id: number, length: number): void {
  into.writeUInt32LE(length, 0);
  into[4] = type;
  into[5] = flags;
  into[6] = 0;
  into[7] = 0;
  into.writeUInt32LE(id, 8);
}

/** A whole frame in a buffer of its own. */
export function encodeFrame(type: FrameType, flags: number, id: number, payload: Buffer): Buffer {
  const out = Buffer.allocUnsafe(HEADER_OCTETS + payload.length);
  writeHeader(out, type, flags, id, payload.length);
  payload.copy(out, HEADER_OCTETS);
  return out;
}

/** Cuts a byte stream into frames. After `push` returned a reason the input is bad and nothing more is to be read. */
export class FrameReader {
  readonly #frameOctetsMax: number;
  readonly #onFrame: (frame: Frame) => string | undefined;
  readonly #header = Buffer.alloc(HEADER_OCTETS);
  #headerFilled = 0;
  /** The payload of a frame that did not come in one piece, at the beginning of `#room`. */
  #payload: Buffer | undefined;
  /** As large as the largest such frame was: TLS gives nothing larger than 16 KiB, so most long frames pass here. */
  #room = Buffer.alloc(0);
  #payloadFilled = 0;

  /** `onFrame` gives a reason to stop, or undefined. */
  constructor(frameOctetsMax: number, onFrame: (frame: Frame) => string | undefined) {
    this.#frameOctetsMax = frameOctetsMax;
    this.#onFrame = onFrame;
  }

  /** Takes what came; gives why it is bad, or undefined. */
  push(bytes: Buffer): string | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#payload === undefined) {
        if (this.#headerFilled === 0 && bytes.length - at >= HEADER_OCTETS) {
          const length = bytes.readUInt32LE(at);
          const why = this.#refuse(bytes, at, length);
          if (why !== undefined) return why;
          const end = at + HEADER_OCTETS + length;
          // The usual case: the frame is whole in what came, and nothing is copied.
          if (end <= bytes.length) {
            const stop = this.#give(bytes, at, bytes.subarray(at + HEADER_OCTETS, end));
            if (stop !== undefined) return stop;
            at = end;
            continue;
          }
        }
        const taken = bytes.copy(
          this.#header,
          this.#headerFilled,
          at,
          at + HEADER_OCTETS - this.#headerFilled,
        );
        this.#headerFilled += taken;
        at += taken;
        if (this.#headerFilled < HEADER_OCTETS) return undefined;
        const length = this.#header.readUInt32LE(0);
        const why = this.#refuse(this.#header, 0, length);
        if (why !== undefined) return why;
        if (this.#room.length < length) this.#room = Buffer.allocUnsafeSlow(length);
        this.#payload = this.#room.subarray(0, length);
        this.#payloadFilled = 0;
      }
      const taken = bytes.copy(this.#payload, this.#payloadFilled, at);
      this.#payloadFilled += taken;
      at += taken;
      if (this.#payloadFilled < this.#payload.length) return undefined;
      const payload = this.#payload;
      this.#payload = undefined;
      this.#headerFilled = 0;
      const stop = this.#give(this.#header, 0, payload);
      if (stop !== undefined) return stop;
    }
    return undefined;
  }

  /** Decides by the header alone, before a single octet of payload takes memory. */
  #refuse(bytes: Buffer, at: number, length: number): string | undefined {
    const type = bytes[at + 4] ?? 0;
    const flags = bytes[at + 5] ?? 0;
    if (!TYPES.has(type)) return `frame of unknown type ${type}`;
    const message = MESSAGES.has(type);
    if (length > (message ? this.#frameOctetsMax : CONTROL_OCTETS_MAX)) return `frame of ${length} octets`;
    if ((flags & ~FLAGS_KNOWN) !== 0 || (!message && flags !== 0))
      return `flags ${flags} on a frame of type ${type}`;
    if (bytes[at + 6] !== 0 || bytes[at + 7] !== 0) return 'reserved octets are not zero';
    return undefined;
  }

  #give(header: Buffer, at: number, payload: Buffer): string | undefined {
    return this.#onFrame({
      type: header[at + 4] as FrameType,
      flags: header[at + 5] ?? 0,
      id: header.readUInt32LE(at + 8),
      payload,
    });
  }
}

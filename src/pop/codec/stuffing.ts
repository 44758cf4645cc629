/**
 * A message's octets as the lines of a multi-line response (RFC 1939 section 3): lines end in CRLF, one that begins with
 * a dot gets another before it. With `lines`, only the header, the blank line and so many lines of the body (TOP, RFC 1939
 * section 7).
 *
 * An LF that stands alone becomes CRLF: some clients end a line at any LF, and a dot after it would end the response for
 * them. Stored mail has CRLF, so this is rare; and only then RETR sends more octets than LIST says.
 */
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const NOTHING = Buffer.alloc(0);

export class Stuffing {
  /** What came before; at first a line begins. */
  #last = LF;
  /** Nothing of this line but perhaps a CR has come. */
  #isBlank = true;
  /** Lines of the body that may still come, when they are counted. */
  #linesLeft: number;
  #isHeader: boolean;

  constructor(lines = Number.POSITIVE_INFINITY) {
    this.#linesLeft = lines;
    this.#isHeader = lines !== Number.POSITIVE_INFINITY;
  }

  /** All that was asked for has come; what follows is not wanted. */
  get isFull(): boolean {
    return !this.#isHeader && this.#linesLeft === 0;
  }

  /** The next octets of the message as octets of the response. The result may share memory with the chunk. */
  push(chunk: Buffer): Buffer {
    if (this.isFull) return NOTHING;
    let added = 0;
    let end = chunk.length;
    const before = this.#last;
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index] as number;
      if (octet === LF) {
        if (this.#last !== CR) added++;
        if (this.#lineEnds()) {
          this.#last = LF;
          end = index + 1;
          break;
        }
      } else if (octet === DOT && this.#last === LF) added++;
      if (octet !== LF && octet !== CR) this.#isBlank = false;
      // A CR that does not end the line is text.
      else if (octet === CR && this.#last === CR) this.#isBlank = false;
      this.#last = octet;
    }
    const used = chunk.subarray(0, end);
    return added === 0 ? used : stuffed(used, added, before);
  }

  /** Behind the last octet: the end of the line, where there is none, and of the response. */
  end(): Buffer {
    if (this.#last === LF) return Buffer.from('.\r\n');
    return Buffer.from(this.#last === CR ? '\n.\r\n' : '\r\n.\r\n');
  }

  /** True when this line was the last that is wanted. */
  #lineEnds(): boolean {
    if (this.#isHeader) {
      if (this.#isBlank) this.#isHeader = false;
    } else this.#linesLeft--;
    this.#isBlank = true;
    return this.isFull;
  }
}

/** `before`: the octet in front of the chunk. */
function stuffed(chunk: Buffer, added: number, before: number): Buffer {
  const out = Buffer.allocUnsafe(chunk.length + added);
  let last = before;
  let at = 0;
  for (const octet of chunk) {
    if (octet === LF && last !== CR) out[at++] = CR;
    else if (octet === DOT && last === LF) out[at++] = DOT;
    out[at++] = octet;
    last = octet;
  }
  return out;
}

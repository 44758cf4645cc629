/**
 * Looks at the octets of a text for what a mail server must not pass on: a CR without LF or an LF without CR (RFC 5321
 * section 2.3.8: they MUST NOT be sent) and NUL. Two servers that disagree on what ends a line can be made to disagree on
 * what ends a message, which is how mail is smuggled. Also measures lines. State carries over from chunk to chunk.
 */
const NUL = 0x00;
const CR = 0x0d;
const LF = 0x0a;

export class TextLines {
  #afterCr = false;
  #hasNul = false;
  #lineOctets = 0;
  #longest = 0;

  /** Index of the first octet that proves a bare line end, or -1. */
  feed(chunk: Buffer): number {
    let afterCr = this.#afterCr;
    let from = -this.#lineOctets;
    // One pass in JavaScript: for lines of a usual length it is quicker than one call of indexOf for each.
    for (let at = 0; at < chunk.length; at++) {
      const octet = chunk[at]!;
      if (octet === LF) {
        if (!afterCr) return at;
        afterCr = false;
        if (at + 1 - from > this.#longest) this.#longest = at + 1 - from;
        from = at + 1;
      } else if (afterCr) return at;
      else if (octet === CR) afterCr = true;
      else if (octet === NUL) this.#hasNul = true;
    }
    this.#afterCr = afterCr;
    this.#lineOctets = chunk.length - from;
    return -1;
  }

  /** The last octet was a CR: at the end of a text it is a bare one. */
  get endsInCr(): boolean {
    return this.#afterCr;
  }

  get hasNul(): boolean {
    return this.#hasNul;
  }

  /** Octets of the longest line with its CRLF, one that has not ended included. */
  get longestOctets(): number {
    return Math.max(this.#longest, this.#lineOctets);
  }
}

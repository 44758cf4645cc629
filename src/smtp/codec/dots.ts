/**
 * The text of DATA as it comes: takes the leading dots off and finds the end, `CRLF . CRLF` (RFC 5321 section 4.5.2: a line
 * that is one dot ends the text; a dot that begins a longer line is deleted, whatever follows it). The CRLF before the last
 * dot belongs to the text. No other octets end it (section 4.1.1.4), wherever they are cut.
 */
const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** Where in a line the next octet stands. */
type Place = 'inside' | 'after-cr' | 'line-start' | 'after-dot' | 'after-dot-cr';

export interface DotSegment {
  /** Octets of the text, views of the chunk. */
  readonly text: readonly Buffer[];
  /** Index behind the last octet of the end; -1 while the text goes on. */
  readonly end: number;
}

export class Dots {
  #place: Place = 'line-start';

  feed(chunk: Buffer): DotSegment {
    const text: Buffer[] = [];
    let from = 0; // what lies before it was given out or taken off
    for (let at = 0; at < chunk.length; ) {
      const octet = chunk[at];
      switch (this.#place) {
        case 'inside': {
          const next = chunk.indexOf('\r\n.', at, 'latin1');
          at = next < 0 ? this.#leave(chunk, at) : next + 2;
          if (next >= 0) this.#place = 'line-start';
          continue;
        }
        case 'after-cr':
          this.#place = octet === LF ? 'line-start' : octet === CR ? 'after-cr' : 'inside';
          at++;
          continue;
        case 'line-start':
          if (octet !== DOT) {
            this.#place = 'inside';
            continue;
          }
          this.#place = 'after-dot';
          if (at > from) text.push(chunk.subarray(from, at));
          from = ++at;
          continue;
        case 'after-dot':
          if (octet !== CR) {
            this.#place = 'inside';
            continue;
          }
          this.#place = 'after-dot-cr';
          at++;
          continue;
        case 'after-dot-cr':
          if (octet === LF) return { text, end: at + 1 };
          // A CR that ends no line: `.<CR>x` is refused elsewhere, here it is text, also when the CR came a chunk before.
          if (from === at) text.push(LONE_CR);
          this.#place = 'after-cr';
          continue;
      }
      this.#place satisfies never;
    }
    const to = this.#place === 'after-dot-cr' ? Math.max(from, chunk.length - 1) : chunk.length;
    if (to > from) text.push(chunk.subarray(from, to));
    return { text, end: -1 };
  }

  /** No line with a dot begins in the rest of the chunk; the next one may bring it. */
  #leave(chunk: Buffer, at: number): number {
    const last = chunk[chunk.length - 1];
    if (last === CR) this.#place = 'after-cr';
    else if (last === LF && chunk.length - at > 1 && chunk[chunk.length - 2] === CR)
      this.#place = 'line-start';
    return chunk.length;
  }
}

const LONE_CR = Buffer.from('\r');

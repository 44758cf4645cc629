/**
 * Finds a CR without LF or an LF without CR (RFC 5321 section 2.3.8: they MUST NOT be sent). Two servers that disagree on
 * what ends a line can be made to disagree on what ends a message, which is how mail is smuggled.
 */
const CR = 0x0d;
const LF = 0x0a;

export class BareLineEnds {
  #afterCr = false;

  /** Index of the first octet that proves a bare line end, or -1. State carries over from chunk to chunk. */
  feed(chunk: Buffer): number {
    if (chunk.length === 0) return -1;
    if (this.#afterCr && chunk[0] !== LF) return 0;
    const lf = firstBareLf(chunk, this.#afterCr);
    const cr = firstBareCr(chunk);
    this.#afterCr = chunk[chunk.length - 1] === CR;
    if (lf < 0) return cr;
    return cr < 0 ? lf : Math.min(lf, cr);
  }
}

function firstBareLf(chunk: Buffer, afterCr: boolean): number {
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1))
    if (at === 0 ? !afterCr : chunk[at - 1] !== CR) return at;
  return -1;
}

/** The octet after the CR is the one that proves it; a CR at the end of the chunk is still open. */
function firstBareCr(chunk: Buffer): number {
  for (let at = chunk.indexOf(CR); at >= 0; at = chunk.indexOf(CR, at + 1))
    if (at + 1 < chunk.length && chunk[at + 1] !== LF) return at + 1;
  return -1;
}

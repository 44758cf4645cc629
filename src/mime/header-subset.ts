/**
 * The fields of a header with some names, or with all others: HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 section
 * 6.4.5.1). Exact octets in their order, piece by piece, so that a header of any size goes by in slices.
 */
const LF = 0x0a;
const COLON = 0x3a;
/** A line that has no colon so far in is no field. RFC 5322 section 2.1.1: lines have at most 998 octets. */
const NAME_OCTETS_MAX = 1000;

export class HeaderSubset {
  readonly #wanted: ReadonlySet<string>;
  readonly #not: boolean;
  /** A line whose name has not come in whole. */
  #carry: Buffer = Buffer.alloc(0);
  #atLineStart = true;
  #keeping = false;

  /** Names are compared without case. */
  constructor(names: readonly string[], not: boolean) {
    this.#wanted = new Set(names.map((name) => name.toLowerCase()));
    this.#not = not;
  }

  /** The next octets of a header; gives those of them, and of before, that belong to the subset. Views into `octets`. */
  push(octets: Buffer): readonly Buffer[] {
    const kept: Buffer[] = [];
    const input = this.#carry.length === 0 ? octets : Buffer.concat([this.#carry, octets]);
    this.#carry = Buffer.alloc(0);
    for (let from = 0; from < input.length; ) {
      const lf = input.indexOf(LF, from);
      const line = input.subarray(from, lf < 0 ? input.length : lf + 1);
      if (this.#atLineStart && lf < 0 && line.length < NAME_OCTETS_MAX && !line.includes(COLON)) {
        // Copied: the caller may use its buffer again.
        this.#carry = Buffer.from(line);
        break;
      }
      if (this.#atLineStart) this.#judge(line);
      if (this.#keeping) kept.push(line);
      this.#atLineStart = lf >= 0;
      from += line.length;
    }
    return kept;
  }

  /** No more octets. */
  end(): readonly Buffer[] {
    if (this.#carry.length > 0) this.#judge(this.#carry);
    return this.#keeping && this.#carry.length > 0 ? [this.#carry] : [];
  }

  /** A folded line goes with its field; a line that is no field belongs to neither subset. */
  #judge(line: Buffer): void {
    if (line[0] === 0x20 || line[0] === 0x09) return;
    const name = /^([\x21-\x39\x3b-\x7e]{1,998})[ \t]{0,998}:/.exec(
      line.toString('latin1', 0, NAME_OCTETS_MAX),
    )?.[1];
    this.#keeping = name !== undefined && this.#wanted.has(name.toLowerCase()) !== this.#not;
  }
}

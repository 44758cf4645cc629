/**
 * A server's octets as responses: lines, each with the literals in it (RFC 3501 section 4.3). `isWithin` tells a
 * connection that ended between responses from one that was cut inside.
 */
export interface Response {
  /** Without its CRLF; a literal leaves its `{n}` and then what follows it. */
  readonly text: string;
  readonly literals: readonly Buffer[];
}

const NOTHING: Buffer = Buffer.alloc(0);

export class ResponseReader {
  #octets: Buffer = NOTHING;
  #text = '';
  #literals: Buffer[] = [];

  /** Something of a response is here, and not all of it. */
  get isWithin(): boolean {
    return this.#octets.length > 0 || this.#text !== '' || this.#literals.length > 0;
  }

  push(octets: Buffer): Response[] {
    this.#octets = this.#octets.length === 0 ? octets : Buffer.concat([this.#octets, octets]);
    const whole: Response[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next())
      if (next !== 'part') whole.push(next);
    return whole;
  }

  /** Takes a line and the literal that it announces; undefined when they are not all here. */
  #next(): Response | 'part' | undefined {
    const end = this.#octets.indexOf('\r\n');
    if (end < 0) return undefined;
    const line = this.#octets.toString('latin1', 0, end);
    const announced = /\{(\d+)\}$/.exec(line);
    const literal = announced === null ? 0 : Number(announced[1]);
    const after = end + 2 + literal;
    if (this.#octets.length < after) return undefined;
    this.#text += line;
    if (announced !== null) this.#literals.push(Buffer.from(this.#octets.subarray(end + 2, after)));
    this.#octets = after === this.#octets.length ? NOTHING : this.#octets.subarray(after);
    if (announced !== null) return 'part';
    const response = { text: this.#text, literals: this.#literals };
    this.#text = '';
    this.#literals = [];
    return response;
  }
}

/**
 * The lexical parts that structured header fields share (RFC 5322 section 3.2, RFC 2045 section 5.1), on strings of one
 * octet a character (latin1), so that 8-bit octets pass unchanged. Every method moves on or leaves the place as it is,
 * so a field is read in linear time; only `restore` goes back, over what one `cfws` skipped.
 */
export class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next character, or the empty string. */
  get char(): string {
    return this.#text.charAt(this.#at);
  }

  accept(char: string): boolean {
    if (this.char !== char || char === '') return false;
    this.#at++;
    return true;
  }

  /** The present place, for `restore`. */
  save(): number {
    return this.#at;
  }

  restore(place: number): void {
    this.#at = place;
  }

  skip(): void {
    this.#at++;
  }

  /** Skips white space and comments; gives the inside of the last comment. Comments nest; an open one goes to the end. */
  cfws(): string | undefined {
    let comment: string | undefined;
    for (;;) {
      while (this.char !== '' && ' \t\r\n'.includes(this.char)) this.#at++;
      if (this.char !== '(') return comment;
      comment = this.#comment();
    }
  }

  /** Characters up to white space or one of `stops`. */
  run(stops: string): string {
    const from = this.#at;
    while (!this.atEnd && !stops.includes(this.char) && !' \t\r\n'.includes(this.char)) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  /** quoted-string without its quotes and backslashes; an open one goes to the end. */
  quoted(): string {
    return this.#delimited('"');
  }

  /** domain-literal with its brackets. */
  domainLiteral(): string {
    const from = this.#at;
    this.#delimited(']');
    return this.#text.slice(from, this.#at);
  }

  #delimited(end: string): string {
    let inside = '';
    this.#at++;
    let from = this.#at;
    while (!this.atEnd && this.char !== end) {
      if (this.char === '\\' && this.#at + 1 < this.#text.length) {
        inside += this.#text.slice(from, this.#at);
        from = ++this.#at;
      }
      this.#at++;
    }
    inside += this.#text.slice(from, this.#at);
    this.#at++;
    return inside;
  }

  #comment(): string {
    const from = this.#at + 1;
    let depth = 0;
    while (!this.atEnd) {
      const char = this.char;
      if (char === '\\') this.#at++;
      else if (char === '(') depth++;
      else if (char === ')' && --depth === 0) break;
      this.#at++;
    }
    const inside = this.#text.slice(from, this.#at);
    this.#at++;
    return inside.replace(/\\([\s\S])/g, '$1');
  }
}

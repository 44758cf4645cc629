/** What has come over a connection, one character an octet, for clients in tests: lines, and whatever else has an end. */

export class Received {
  #text = '';
  #isOver = false;
  #wake: () => void = () => undefined;

  add(octets: Buffer): void {
    this.#text += octets.toString('latin1');
    this.#wake();
  }

  /** Nothing more comes. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** What came and was not taken. */
  get rest(): string {
    return this.#text;
  }

  /** The next line without CRLF. Rejects when the connection ended before it. */
  async line(): Promise<string> {
    const line = await this.#take((text) => {
      const end = text.indexOf('\r\n');
      return end < 0 ? 0 : end + 2;
    });
    if (line === undefined) throw new Error('connection ended');
    return line.slice(0, -2);
  }

  /** Takes the beginning that fits, as soon as there is one; undefined when the connection ended before. */
  take(beginning: RegExp): Promise<string | undefined> {
    return this.#take((text) => beginning.exec(text)?.[0].length ?? 0);
  }

  async over(): Promise<void> {
    while (!this.#isOver) await this.#more();
  }

  /** `measure`: how much of the text is to be taken; 0 for nothing yet. */
  async #take(measure: (text: string) => number): Promise<string | undefined> {
    for (;;) {
      const length = measure(this.#text);
      if (length > 0) {
        const taken = this.#text.slice(0, length);
        this.#text = this.#text.slice(length);
        return taken;
      }
      if (this.#isOver) return undefined;
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** A client that waits for each reply before it goes on, in the clear or inside TLS. */
import type { Address } from '../../src/platform/platform.ts';
import { LineClient } from '../support/line-client.ts';

const SILENCE_MS = 20_000;

export class Talk {
  readonly #client: LineClient;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  static async connect(address: Address, options: { readonly tls?: boolean } = {}): Promise<Talk> {
    return new Talk(await LineClient.connect(address, SILENCE_MS, options));
  }

  /** One that has read its greeting. Rejects where there is none. */
  static async greeted(address: Address): Promise<Talk> {
    const talk = await Talk.connect(address);
    const [greeting = 'no greeting'] = await talk.reply();
    if (greeting.startsWith('220')) return talk;
    talk.close();
    throw new Error(greeting);
  }

  /** The lines of the next reply, or [] when the connection ended before one. */
  async reply(): Promise<readonly string[]> {
    const whole = await this.#client.take(/^(?:\d{3}-[^\r]*\r\n)*\d{3}(?: [^\r]*)?\r\n/);
    return whole === undefined ? [] : whole.split('\r\n').slice(0, -1);
  }

  /** Sends a line, or octets as they are, and gives the reply. */
  async say(line: string | Buffer): Promise<readonly string[]> {
    this.write(line);
    return this.reply();
  }

  write(line: string | Buffer): void {
    this.#client.send(typeof line === 'string' ? `${line}\r\n` : line);
  }

  /** What came and was not asked for. */
  get rest(): string {
    return this.#client.rest;
  }

  /** Resolves when the server has closed. */
  over(): Promise<void> {
    return this.#client.over();
  }

  /** The handshake, after 220. */
  startTls(): Promise<void> {
    return this.#client.startTls();
  }

  close(): void {
    this.#client.close();
  }
}

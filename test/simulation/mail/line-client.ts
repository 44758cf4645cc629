/** A client's connection in the simulation: lines and counted octets, with an end to its patience. */
import type { Address, Connection, Platform } from '../../../src/platform/platform.ts';

const CONNECT_TIMEOUT_MS = 1500;

/** The connection is over, or nothing came for too long: what was asked for may have happened or not. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

export class LineClient {
  readonly #platform: Platform;
  readonly #connection: Connection;
  readonly #patienceMs: number;
  #bytes = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => undefined;

  static async connect(platform: Platform, to: Address, patienceMs: number): Promise<LineClient> {
    try {
      const connection = await platform.net.connect(to, { timeoutMs: CONNECT_TIMEOUT_MS });
      return new LineClient(platform, connection, patienceMs);
    } catch (cause) {
      throw new NoAnswer('not connected', { cause });
    }
  }

  constructor(platform: Platform, connection: Connection, patienceMs: number) {
    this.#platform = platform;
    this.#connection = connection;
    this.#patienceMs = patienceMs;
    connection.start({
      data: (bytes) => {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        this.#wake();
      },
      closed: () => {
        this.#isOver = true;
        this.#wake();
      },
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(text: string): void {
    if (!this.#isOver) this.#connection.write(Buffer.from(text));
  }

  close(): void {
    if (!this.#isOver) this.#connection.destroy();
  }

  /** The next line without its end. */
  async line(): Promise<string> {
    const end = await this.#until(() => {
      const at = this.#bytes.indexOf('\n');
      return at < 0 ? undefined : at + 1;
    });
    return this.#take(end)
      .toString('latin1')
      .replace(/\r?\n$/, '');
  }

  /** Exactly so many octets. */
  async octets(count: number): Promise<string> {
    await this.#until(() => (this.#bytes.length < count ? undefined : count));
    return this.#take(count).toString('latin1');
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    const { clock } = this.#platform;
    const deadlineMs = clock.monotonicMs() + this.#patienceMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (this.#isOver || leftMs <= 0)
        throw new NoAnswer(this.#isOver ? 'connection lost' : 'no answer in time');
      await new Promise<void>((resolve) => {
        const timer = clock.timer(leftMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}

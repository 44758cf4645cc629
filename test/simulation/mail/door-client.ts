/** Speaks the door's line protocol: one request, one reply, at any frontend, the next one after a failure. */
import type { Address, Platform } from '../../../src/platform/platform.ts';
import { DOOR_PORT, type Reply, type Request } from './door.ts';
import { LineClient, NoAnswer } from './line-client.ts';

/** Longer than any answer of the server may take. */
const PATIENCE_MS = 9000;

export class DoorClient {
  readonly #platform: Platform;
  readonly #hosts: readonly string[];
  readonly #note: (what: string) => void;
  #client: LineClient | undefined;
  #tries: number;

  constructor(
    platform: Platform,
    hosts: readonly string[],
    first: number,
    note: (what: string) => void = () => undefined,
  ) {
    this.#note = note;
    this.#platform = platform;
    this.#hosts = hosts;
    this.#tries = first;
  }

  /** Undefined when no answer came: it may have been done or not. */
  async ask(request: Request): Promise<Reply | undefined> {
    this.#note(`ask ${JSON.stringify(request)}`);
    const reply = await this.#ask(request);
    this.#note(`${request.do} answered ${JSON.stringify(reply)}`);
    return reply;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #ask(request: Request): Promise<Reply | undefined> {
    try {
      this.#client ??= await LineClient.connect(this.#platform, this.#next(), PATIENCE_MS);
      this.#client.send(`${JSON.stringify(request)}\n`);
      return JSON.parse(await this.#client.line()) as Reply;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.close();
      return undefined;
    }
  }

  #next(): Address {
    return { host: this.#hosts[this.#tries++ % this.#hosts.length]!, port: DOOR_PORT };
  }
}

/** A connection on loopback to a protocol of lines, for what a lab needs of its own cluster. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Failure } from '../lib/failure.ts';
import type { Address } from '../platform/platform.ts';

const TIMEOUT_MS = 20_000;

export class LineClient implements Disposable {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    // The loop over the lines ends, which is how it is noticed.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  }

  static async connect(to: Address): Promise<LineClient> {
    const socket = connect({ ...to, noDelay: true });
    await once(socket, 'connect');
    return new LineClient(socket);
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Failure('unknown', 'the connection ended');
    return next.value;
  }

  write(text: string | Buffer): void {
    this.#socket.write(text);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

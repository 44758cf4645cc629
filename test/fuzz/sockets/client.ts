/** A client that walks a session to a state and is then let loose. Its own address, as log-ins are limited by address. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Address } from '../../../src/platform/platform.ts';
import type { Prng } from '../../support/prng.ts';

/** Without an octet for so long a walk has failed: every answer comes sooner, that to a log-in that is slowed down too. */
const PATIENCE_MS = 10_000;
/** A server that is busy, or whose answers nobody reads, takes nothing more; the client goes on all the same. */
const WRITE_PATIENCE_MS = 100;
/** What is kept of the server's answers: the end of a long one is enough to see that it came. */
const HEARD_LENGTH_MAX = 4096;

/** The server ended the connection, which it may at any time. */
export class Ended extends Error {}

export class FuzzClient {
  readonly #raw: Socket;
  /** `#raw`, or TLS over it. */
  #socket: Socket;
  #heard = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#raw = socket;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** From a loopback address of its own: 127.0.0.0/8 is one machine's. */
  static async connect(address: Address, random: Prng): Promise<FuzzClient> {
    const localAddress = `127.${random.between(1, 250)}.${random.below(250)}.${random.between(1, 250)}`;
    const socket = connect({ ...address, localAddress });
    const client = new FuzzClient(socket);
    if (socket.connecting) await client.#happened(socket, 'connect');
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What came last. */
  get heard(): string {
    return this.#heard;
  }

  /** TLS from here on. */
  async secure(options: ConnectionOptions = {}): Promise<void> {
    this.#raw.removeAllListeners('data');
    const socket = connectTls({ ...options, socket: this.#raw, rejectUnauthorized: false });
    this.#socket = socket;
    this.#listen(socket);
    await this.#happened(socket, 'secureConnect');
  }

  send(octets: Buffer | string): void {
    if (!this.#ended) this.#socket.write(octets);
  }

  /** Resolves when the kernel has taken what was sent, when the connection is gone, and soon in any case. */
  async sent(octets: Buffer): Promise<void> {
    if (this.#ended) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, WRITE_PATIENCE_MS);
      this.#socket.write(octets, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Waits until the answer is this. Throws Ended when the connection ended before. */
  async expect(wanted: RegExp): Promise<void> {
    for (;;) {
      if (wanted.test(this.#heard)) {
        this.#heard = '';
        return;
      }
      if (this.#ended) throw new Ended(`ended before ${wanted}: ${JSON.stringify(this.#heard.slice(-200))}`);
      await this.#news();
    }
  }

  /** Reads nothing more: what the server sends stays in its buffers. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** FIN, and the server's own if it comes soon. */
  async halfClose(): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.destroy(), WRITE_PATIENCE_MS);
    await this.#closed(this.#socket).catch(() => undefined);
    clearTimeout(timer);
  }

  /** RST; below TLS Node has no way to send one, and the connection just ends without TLS's own end. */
  reset(): void {
    if (this.#socket === this.#raw) this.#raw.resetAndDestroy();
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Something came, or the end. */
  #news(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      this.#heard = (this.#heard + chunk.toString('latin1')).slice(-HEARD_LENGTH_MAX);
      this.#wake();
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async #happened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
    try {
      await Promise.race([once(socket, event), this.#closed(socket)]);
    } catch (cause) {
      throw new Ended(`ended before ${event}`, { cause });
    }
  }

  async #closed(socket: Socket): Promise<never> {
    if (!socket.closed) await once(socket, 'close').catch(() => undefined);
    throw new Ended('closed');
  }
}

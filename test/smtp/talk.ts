/** A client that waits for each reply before it goes on, in the clear or inside TLS. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from '../../src/platform/platform.ts';

export class Talk {
  #socket: Socket;
  #received = '';
  #isOver = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  static async connect(address: Address, options: { readonly tls?: true } = {}): Promise<Talk> {
    const plain = connect(address.port, address.host);
    await once(plain, 'connect');
    plain.setNoDelay(true);
    return new Talk(options.tls ? await secured(plain) : plain);
  }

  /** Of the TLS session. */
  get socket(): Socket {
    return this.#socket;
  }

  /** The lines of the next reply, or [] when the connection ended before one. */
  async reply(): Promise<readonly string[]> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\r]*\r\n)*\d{3}(?: [^\r]*)?\r\n/.exec(this.#received)?.[0];
      if (whole !== undefined) {
        this.#received = this.#received.slice(whole.length);
        return whole.split('\r\n').slice(0, -1);
      }
      if (this.#isOver) return [];
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Sends a line, or octets as they are, and gives the reply. */
  async say(line: string | Buffer): Promise<readonly string[]> {
    this.write(line);
    return this.reply();
  }

  write(line: string | Buffer): void {
    this.#socket.write(typeof line === 'string' ? `${line}\r\n` : line, 'latin1');
  }

  /** What came and was not asked for. */
  get rest(): string {
    return this.#received;
  }

  /** Resolves when the server has closed. */
  async over(): Promise<void> {
    while (!this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The handshake, after 220. */
  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('close');
    this.#socket = await secured(this.#socket);
    this.#listen(this.#socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }
}

async function secured(plain: Socket): Promise<TLSSocket> {
  const socket = connectTls({ socket: plain, rejectUnauthorized: false, servername: 'mx.lab.example' });
  await once(socket, 'secureConnect');
  return socket;
}

/**
 * A line-based client over TCP, in the clear or inside TLS, for tests that must see every reply as it is: SMTP, IMAP, POP3,
 * PWD.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../../src/platform/platform.ts';
import { Received } from './received.ts';

export class LineClient {
  #socket: Socket;
  readonly #received = new Received();
  readonly #timeoutMs: number;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** `timeoutMs` without any octet ends the connection: a test never hangs on a server that does not answer. */
  static async connect(
    address: Address,
    timeoutMs: number,
    options: { readonly tls?: boolean } = {},
  ): Promise<LineClient> {
    const socket = connect({ ...address, noDelay: true });
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'close').then(() => Promise.reject(new Error('refused'))),
    ]);
    const client = new LineClient(socket, timeoutMs);
    if (options.tls) await client.startTls();
    return client;
  }

  get ended(): boolean {
    return this.#received.isOver;
  }

  /** What came and was not asked for. */
  get rest(): string {
    return this.#received.rest;
  }

  send(text: string | Buffer): void {
    this.#socket.write(text, 'latin1');
  }

  /** The handshake, where the server has said that it begins. Any certificate will do. */
  async startTls(): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.setTimeout(0);
    const tls = connectTls({ socket: plain, rejectUnauthorized: false });
    this.#socket = tls;
    this.#listen(tls);
    await once(tls, 'secureConnect');
  }

  /** The next line without CRLF. Rejects when the connection ended before it. */
  line(): Promise<string> {
    return this.#received.line();
  }

  /** The beginning that fits, as soon as there is one; undefined when the connection ended before. */
  take(beginning: RegExp): Promise<string | undefined> {
    return this.#received.take(beginning);
  }

  /** Resolves when the connection is closed. */
  over(): Promise<void> {
    return this.#received.over();
  }

  /** SMTP: the last line of the reply. */
  async reply(): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (line[3] !== '-') return line;
    }
  }

  /** IMAP: sends a command and gives the lines up to and with its tagged response. Literals come as lines. */
  async command(tag: string, text: string): Promise<string[]> {
    this.send(`${tag} ${text}\r\n`);
    return this.until(tag);
  }

  async until(tag: string): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      lines.push(line);
      if (line.startsWith(`${tag} `)) return lines;
      if (line.startsWith('* BYE')) throw new Error(line);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.setTimeout(this.#timeoutMs, () => socket.destroy());
    socket.on('data', (octets: Buffer) => this.#received.add(octets));
    socket.on('error', () => undefined); // 'close' follows, and readers see the end
    socket.on('close', () => {
      if (socket === this.#socket) this.#received.end();
    });
  }
}

/** A line-based client over TCP, for tests that must see every reply as it is: SMTP, IMAP, PWD. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Address } from '../../src/platform/platform.ts';

export class LineClient {
  readonly #socket: Socket;
  #buffer = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#buffer += text;
      this.#wake();
    });
    socket.on('error', () => undefined); // 'close' follows, and readers see the end
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** `timeoutMs` without any octet ends the connection: a test never hangs on a server that does not answer. */
  static async connect(address: Address, timeoutMs: number): Promise<LineClient> {
    const socket = connect(address.port, address.host);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'close').then(() => Promise.reject(new Error('refused'))),
    ]);
    return new LineClient(socket);
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** The next line without CRLF. Rejects when the connection ended before it. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        return line;
      }
      if (this.#ended) throw new Error('connection ended');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
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
}

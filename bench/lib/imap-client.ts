/**
 * An IMAP client that costs as little as can be: it counts octets and looks only for the end of an answer, so that its own
 * work does not hide the server's. One command at a time.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../../src/platform/platform.ts';
import { type SaltedPasswords, scramExchange } from './scram.ts';

export interface Login {
  readonly login: string;
  readonly password: string;
}

/** The last octets of what came: the end of an answer is in them. */
const TAIL_LENGTH = 1024;

export class ImapClient {
  readonly #socket: Socket;
  #tail = '';
  #octets = 0;
  #tags = 0;
  #failed: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#octets += chunk.length;
      this.#tail = (this.#tail + chunk.toString('latin1', Math.max(0, chunk.length - TAIL_LENGTH))).slice(
        -TAIL_LENGTH,
      );
      this.#wake();
    });
    const end = (error?: Error) => {
      this.#failed ??= error ?? new Error(`the server ended the connection: ${this.#tail}`);
      this.#wake();
    };
    socket.on('error', end);
    socket.on('close', () => end());
  }

  /** Up to the greeting. */
  static async open(address: Address, tls = false): Promise<ImapClient> {
    const socket = tls
      ? connectTls({ ...address, rejectUnauthorized: false })
      : connect(address.port, address.host);
    const client = new ImapClient(socket);
    await once(socket, tls ? 'secureConnect' : 'connect');
    await client.#until(/^\* OK [^\r\n]*\r\n$/);
    return client;
  }

  /** PLAIN with an initial response. */
  async authenticatePlain({ login, password }: Login): Promise<void> {
    const response = Buffer.from(`\0${login}\0${password}`).toString('base64');
    await this.command(`AUTHENTICATE PLAIN ${response}`);
  }

  /** SCRAM-SHA-256; the salted password is computed once for each salt, as clients that log in often do. */
  async authenticateScram(login: Login, salted: SaltedPasswords): Promise<void> {
    const exchange = scramExchange(login, salted);
    const tag = this.#send(`AUTHENTICATE SCRAM-SHA-256 ${exchange.first}`);
    this.#tail = '';
    const challenge = await this.#until(/(?:^|\r\n)\+ ([^\r\n]*)\r\n$/);
    this.#tail = '';
    this.#socket.write(`${exchange.final(challenge)}\r\n`);
    const answer = await this.#until(new RegExp(`(?:^|\\r\\n)(\\+ [^\\r\\n]*|${tag} [^\\r\\n]*)\\r\\n$`));
    if (answer.startsWith('+')) {
      // RFC 5802 section 5: the server's final message is a challenge, answered with nothing.
      this.#tail = '';
      this.#socket.write('\r\n');
    }
    await this.#tagged(tag);
  }

  /** Sends a command and gives the octets of its answer. Throws when that is not OK. */
  async command(text: string | Buffer): Promise<number> {
    this.#octets = 0;
    this.#tail = '';
    const tag = this.#send(text);
    await this.#tagged(tag);
    return this.#octets;
  }

  append(mailbox: string, message: Buffer): Promise<number> {
    const head = Buffer.from(`APPEND ${mailbox} {${message.length}+}\r\n`);
    return this.command(Buffer.concat([head, message]));
  }

  /** IDLE, begun; gives what ends it. */
  async idle(): Promise<() => Promise<void>> {
    this.#tail = '';
    const tag = this.#send('IDLE');
    await this.#until(/(?:^|\r\n)\+ ?[^\r\n]*\r\n$/);
    return async () => {
      this.#tail = '';
      this.#socket.write('DONE\r\n');
      await this.#tagged(tag);
    };
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(text: string | Buffer): string {
    const tag = `t${++this.#tags}`;
    this.#socket.write(Buffer.concat([Buffer.from(`${tag} `), Buffer.from(text), Buffer.from('\r\n')]));
    return tag;
  }

  async #tagged(tag: string): Promise<void> {
    const status = await this.#until(new RegExp(`(?:^|\\r\\n)${tag} ([^\\r\\n]*)\\r\\n$`));
    if (!status.startsWith('OK')) throw new Error(`refused: ${status}`);
  }

  /** The first group of the pattern, when the end of what came fits it. */
  async #until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#tail);
      if (found !== null) return found[1] ?? '';
      if (this.#failed !== undefined) throw this.#failed;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Sends messages over SMTP or LMTP on a number of connections, each waiting for the answer before its next message. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Address } from '../../src/platform/platform.ts';

export interface Load {
  readonly address: Address;
  readonly protocol: 'smtp' | 'lmtp';
  readonly recipients: readonly string[];
  readonly connections: number;
  readonly messages: number;
  readonly octets: number;
}

/** Messages answered 250 a second. Throws when one was refused. */
export async function run(load: Load): Promise<number> {
  const message = messageOf(load.octets);
  let next = 0;
  const clients = await Promise.all(Array.from({ length: load.connections }, () => Client.open(load)));
  const start = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let count = next++; count < load.messages; count = next++)
        await client.deliver(load.recipients[count % load.recipients.length]!, message);
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  for (const client of clients) client.close();
  return load.messages / seconds;
}

function messageOf(octets: number): Buffer {
  const head = 'From: a@bench.example\r\nSubject: bench\r\n\r\n';
  const line = `${'x'.repeat(70)}\r\n`;
  const body = line.repeat(Math.max(1, Math.floor((octets - head.length) / line.length)));
  return Buffer.from(`${head}${body}.\r\n`);
}

class Client {
  readonly #socket: Socket;
  #buffer = '';
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#buffer += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', (error) => {
      throw error;
    });
  }

  static async open({ address, protocol }: Load): Promise<Client> {
    const socket = connect(address.port, address.host);
    await once(socket, 'connect');
    const client = new Client(socket);
    await client.#reply();
    socket.write(protocol === 'lmtp' ? 'LHLO bench.example\r\n' : 'EHLO bench.example\r\n');
    await client.#reply();
    return client;
  }

  /** Pipelined up to DATA, as a mail server does it (RFC 2920). */
  async deliver(recipient: string, message: Buffer): Promise<void> {
    this.#socket.write(`MAIL FROM:<>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`);
    for (const wanted of ['250', '250', '354']) await this.#expect(wanted);
    this.#socket.write(message);
    await this.#expect('250');
  }

  close(): void {
    this.#socket.destroy();
  }

  async #expect(code: string): Promise<void> {
    const reply = await this.#reply();
    if (!reply.startsWith(code)) throw new Error(`expected ${code}: ${reply}`);
  }

  async #reply(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      else {
        const line = this.#buffer.slice(0, end);
        this.#buffer = this.#buffer.slice(end + 2);
        if (line[3] !== '-') return line;
      }
    }
  }
}

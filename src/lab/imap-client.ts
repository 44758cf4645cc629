/** As much of an IMAP client (RFC 9051) as importing a sample needs: LOGIN, CREATE, APPEND. */
import { Failure } from '../lib/failure.ts';
import type { Address } from '../platform/platform.ts';
import { LineClient } from './line-client.ts';

export class ImapClient implements Disposable {
  readonly #client: LineClient;
  #lastTag = 0;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  static async connect(to: Address, login: string, password: string): Promise<ImapClient> {
    const imap = new ImapClient(await LineClient.connect(to));
    try {
      await imap.#client.line();
      await imap.command(`LOGIN ${quoted(login)} ${quoted(password)}`);
      return imap;
    } catch (error) {
      imap[Symbol.dispose]();
      throw error;
    }
  }

  /** Failure 'exists' for a mailbox that is there, 'refused' for any other NO or BAD. */
  async command(line: string): Promise<void> {
    await this.#tagged(this.#send(line));
  }

  async append(mailbox: string, content: Buffer): Promise<void> {
    const tag = this.#send(`APPEND ${quoted(mailbox)} {${content.length}}`);
    const go = await this.#client.line();
    if (!go.startsWith('+')) throw new Failure('refused', `APPEND: ${go}`);
    this.#client.write(Buffer.concat([content, Buffer.from('\r\n')]));
    await this.#tagged(tag);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  #send(line: string): string {
    const tag = `a${++this.#lastTag}`;
    this.#client.write(`${tag} ${line}\r\n`);
    return tag;
  }

  async #tagged(tag: string): Promise<void> {
    for (;;) {
      const line = await this.#client.line();
      if (!line.startsWith(`${tag} `)) continue;
      if (line.startsWith(`${tag} OK`)) return;
      throw new Failure(line.includes('[ALREADYEXISTS]') ? 'exists' : 'refused', line);
    }
  }
}

/** RFC 9051 section 9, quoted. */
export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

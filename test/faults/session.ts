/** A mail program's session that must outlive whatever happens behind its frontend. */
import type { Address } from '../../src/platform/platform.ts';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';

/** Longer than any fault of these tests: a session that is silent so long is not closed by us. */
const SILENCE_MS = 90_000;

export class Session {
  readonly #client: LineClient;
  #lastTag = 0;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  /** Logged in, INBOX selected. */
  static async open(frontend: Address, { login, password }: Login): Promise<Session> {
    const client = await LineClient.connect(frontend, SILENCE_MS);
    const session = new Session(client);
    try {
      await client.line();
      for (const command of [`LOGIN ${login} "${password}"`, 'SELECT INBOX']) {
        const answer = await session.ask(command);
        if (!answer.startsWith('OK')) throw new Error(`${command.split(' ')[0]}: ${answer}`);
      }
      return session;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The tagged response to one log-in; undefined when the connection ended without. */
  static async tryLogin(frontend: Address, { login, password }: Login): Promise<string | undefined> {
    const client = await LineClient.connect(frontend, SILENCE_MS);
    try {
      await client.line();
      return (await client.command('a', `LOGIN ${login} "${password}"`)).at(-1)!.slice(2);
    } catch {
      return undefined;
    } finally {
      client.close();
    }
  }

  /** The server has ended it. */
  get isClosed(): boolean {
    return this.#client.ended;
  }

  /** The tagged response without its tag. Rejects when the session ends before it. */
  async ask(command: string): Promise<string> {
    return (await this.lines(command)).at(-1)!;
  }

  /** All lines of the answer; the last one without its tag. */
  async lines(command: string): Promise<readonly string[]> {
    const tag = `t${++this.#lastTag}`;
    const lines = await this.#client.command(tag, command);
    return [...lines.slice(0, -1), lines.at(-1)!.slice(tag.length + 1)];
  }

  /** APPEND to INBOX; a refusal may come before or after the octets. */
  async append(text: string): Promise<string> {
    const tag = `t${++this.#lastTag}`;
    this.#client.send(`${tag} APPEND INBOX {${text.length}}\r\n`);
    for (;;) {
      const line = await this.#client.line();
      if (line.startsWith(`${tag} `)) return line.slice(tag.length + 1);
      if (line.startsWith('* BYE')) throw new Error(line);
      if (line.startsWith('+')) break;
    }
    this.#client.send(`${text}\r\n`);
    return (await this.#client.until(tag)).at(-1)!.slice(tag.length + 1);
  }

  /** Resolves when the server waits with it (RFC 2177). */
  async startIdle(): Promise<void> {
    this.#client.send(`t${++this.#lastTag} IDLE\r\n`);
    while (!(await this.#client.line()).startsWith('+'));
  }

  /** IDLE until the promise settles; gives what was told meanwhile. */
  async idle(until: Promise<unknown>): Promise<readonly string[]> {
    await this.startIdle();
    await until;
    this.#client.send('DONE\r\n');
    return this.#client.until(`t${this.#lastTag}`);
  }

  /** The last line that the server sends, which is to be BYE. Nothing else may be waited for at the same time. */
  async goodbye(): Promise<string> {
    let last = '';
    for (;;) {
      const line = await this.#client.line().catch(() => undefined);
      if (line === undefined) return last;
      last = line;
    }
  }

  close(): void {
    this.#client.close();
  }
}

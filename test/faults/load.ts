/** Load whose every promise by the server is written down: messages answered 250, flags answered OK. */
import type { Address } from '../../src/platform/platform.ts';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';

/** Longer than any answer may take (451 within 10 s), so that it only ends what would hang a test. */
const PATIENCE_MS = 20_000;

export interface SentMessage {
  readonly mark: string;
  readonly to: string;
  acknowledged: boolean;
  /** Tries that were not answered 2yz: each may have left a copy. */
  failedTries: number;
}

/** Sends marked messages, each tried until it is answered 250, as a mail server would. */
export class Writer {
  readonly sent: SentMessage[] = [];
  readonly #accounts: readonly Login[];
  readonly #frontends: readonly Address[];
  readonly #name: string;
  #client: LineClient | undefined;
  #tries = 0;

  constructor(name: string, accounts: readonly Login[], frontends: readonly Address[]) {
    this.#name = name;
    this.#accounts = accounts;
    this.#frontends = frontends;
  }

  async run(until: () => boolean): Promise<void> {
    for (let count = 0; !until(); count++) {
      const to = this.#accounts[count % this.#accounts.length]!.login;
      const message: SentMessage = {
        mark: `${this.#name}-${count}`,
        to,
        acknowledged: false,
        failedTries: 0,
      };
      this.sent.push(message);
      while (!message.acknowledged && !until()) await this.#try(message);
    }
    this.#client?.close();
  }

  async #try(message: SentMessage): Promise<void> {
    try {
      const client = await this.#connected();
      for (const command of ['MAIL FROM:<>', `RCPT TO:<${message.to}>`, 'DATA']) {
        client.send(`${command}\r\n`);
        const reply = await client.reply();
        if (!/^[23]/.test(reply)) throw new Refused(reply);
      }
      client.send(`Subject: ${message.mark}\r\n\r\n${'x'.repeat(500)}\r\n.\r\n`);
      const reply = await client.reply();
      if (!reply.startsWith('250')) throw new Refused(reply);
      message.acknowledged = true;
    } catch {
      // Any other end of a try, a lost connection too: whether a copy was left is not known.
      message.failedTries++;
      this.#client?.close();
      this.#client = undefined;
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async #connected(): Promise<LineClient> {
    if (this.#client !== undefined && !this.#client.ended) return this.#client;
    const frontend = this.#frontends[this.#tries++ % this.#frontends.length]!;
    const client = await LineClient.connect(frontend, PATIENCE_MS);
    this.#client = client;
    await client.reply();
    client.send('EHLO writer.example\r\n');
    await client.reply();
    return client;
  }
}

class Refused extends Error {}

/** Sets keywords on messages of one account; remembers what was answered OK. */
export class Flagger {
  /** `mark` of the message and keyword. */
  readonly acknowledged: { readonly uid: number; readonly flag: string }[] = [];
  /** Sessions that the server closed although it had let us log in. */
  closedSessions = 0;
  readonly #account: Login;
  readonly #frontends: readonly Address[];
  #tries = 0;

  constructor(account: Login, frontends: readonly Address[]) {
    this.#account = account;
    this.#frontends = frontends;
  }

  async run(until: () => boolean): Promise<void> {
    while (!until()) {
      try {
        await this.#session(until);
      } catch {
        this.closedSessions++;
        await new Promise((done) => setTimeout(done, 50));
      }
    }
  }

  async #session(until: () => boolean): Promise<void> {
    const frontend = this.#frontends[this.#tries++ % this.#frontends.length]!;
    const client = await LineClient.connect(frontend, PATIENCE_MS);
    try {
      await client.line();
      const login = await client.command('a', `LOGIN ${this.#account.login} "${this.#account.password}"`);
      if (!login.at(-1)!.startsWith('a OK')) throw new Error('no log-in');
      await client.command('b', 'SELECT INBOX');
      for (let count = 0; !until(); count++) {
        const search = await client.command('c', 'UID SEARCH ALL');
        const uids =
          search
            .find((line) => line.startsWith('* SEARCH'))
            ?.slice(9)
            .split(' ')
            .filter(Boolean) ?? [];
        const uid = uids[count % Math.max(1, uids.length)];
        if (uid === undefined) continue;
        const flag = `mark${this.acknowledged.length % 40}`;
        const stored = await client.command('d', `UID STORE ${uid} +FLAGS.SILENT (${flag})`);
        if (stored.at(-1)!.startsWith('d OK')) this.acknowledged.push({ uid: Number(uid), flag });
        await new Promise((done) => setTimeout(done, 10));
      }
    } finally {
      client.close();
    }
  }
}

/**
 * Clients of a cluster that is being updated, which write down every error and every promise. An orderly end, `421` between two messages
 * or `BYE` between two commands, is none when they can come back at once; a refusal, or a connection cut anywhere else, is one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, type Promised } from '../faults/load.ts';
import type { Login } from '../support/lab.ts';
import type { LineClient } from '../support/line-client.ts';
import type { Balancer } from './balancer.ts';

const PAUSE_MS = 60;
/** A connection is used for so many messages or rounds: clients come and go. */
const USES = 25;
const KEYWORDS = 40;

/** A message that was promised to be kept. */
export interface Kept {
  readonly to: string;
  readonly mark: string;
}

/** What all of them write down. */
export abstract class RollingClient {
  readonly kept: Kept[] = [];
  /** With the time, as in the members' logs. */
  readonly errors: { readonly atMs: number; readonly why: string }[] = [];
  /** Ends with 421 or BYE. */
  farewells = 0;
  protected readonly balancer: Balancer;

  constructor(balancer: Balancer) {
    this.balancer = balancer;
  }

  async run(until: () => boolean): Promise<void> {
    while (!until()) {
      let client: LineClient | undefined;
      try {
        client = await this.connected();
        for (let use = 0; client !== undefined && use < USES && !until(); use++) {
          if (!(await this.use(client))) break;
          await sleep(PAUSE_MS);
        }
      } catch (error) {
        this.failed(error instanceof Error ? error.message : String(error));
      } finally {
        client?.close();
      }
    }
  }

  /** Undefined: sent away in order. */
  protected abstract connected(): Promise<LineClient | undefined>;
  /** False when the connection came to an orderly end. */
  protected abstract use(client: LineClient): Promise<boolean>;

  protected failed(why: string): void {
    this.errors.push({ atMs: Date.now(), why });
  }
}

/** Sends one message after another. */
export class MailServer extends RollingClient {
  readonly #name: string;
  readonly #accounts: readonly Login[];
  #count = 0;

  constructor(balancer: Balancer, name: string, accounts: readonly Login[]) {
    super(balancer);
    this.#name = name;
    this.#accounts = accounts;
  }

  protected async connected(): Promise<LineClient | undefined> {
    const { client, greeting } = await this.balancer.connect('smtp');
    for (let reply = greeting, isGreeted = false; ; reply = await client.reply(), isGreeted = true) {
      if (reply.startsWith('421')) return this.#farewell(client);
      if (!reply.startsWith('2')) throw new Error(`${isGreeted ? 'EHLO' : 'greeting'}: ${reply}`);
      if (isGreeted) return client;
      client.send('EHLO writer.example\r\n');
    }
  }

  protected async use(client: LineClient): Promise<boolean> {
    const to = this.#accounts[this.#count % this.#accounts.length]!.login;
    const mark = `${this.#name}-${this.#count++}`;
    client.send('MAIL FROM:<>\r\n');
    const begun = await client.reply();
    // RFC 5321 section 3.8: as the answer to any command; nothing of a transaction is lost here.
    if (begun.startsWith('421')) return this.#farewell(client) !== undefined;
    const dialogue = [
      [`RCPT TO:<${to}>\r\n`, '250'],
      ['DATA\r\n', '354'],
      [`Subject: ${mark}\r\n\r\n${bodyOf(mark)}.\r\n`, '250'],
    ] as const;
    let [reply, wanted]: [string, string] = [begun, '250'];
    for (const [text, next] of dialogue) {
      if (!reply.startsWith(wanted)) throw new Error(`${mark}: ${reply}`);
      client.send(text);
      [reply, wanted] = [await client.reply(), next];
    }
    if (!reply.startsWith(wanted)) throw new Error(`${mark}: ${reply}`);
    this.kept.push({ to, mark });
    return true;
  }

  #farewell(client: LineClient): undefined {
    this.farewells++;
    client.close();
    return undefined;
  }
}

/** A mail program: looks at its INBOX, sets flags, stores messages. */
export class MailProgram extends RollingClient {
  readonly flagged: Promised[] = [];
  /** Stored or not: the connection came to its end before the answer. */
  readonly unanswered: Kept[] = [];
  /** Log-ins and SELECTs. */
  sessions = 0;
  readonly #name: string;
  readonly #account: Login;
  readonly #markOf = new Map<number, string>();
  #uidValidity: string | undefined;
  #count = 0;
  #tag = 0;

  constructor(balancer: Balancer, name: string, account: Login) {
    super(balancer);
    this.#name = name;
    this.#account = account;
  }

  protected async connected(): Promise<LineClient | undefined> {
    const { client, greeting } = await this.balancer.connect('imap');
    if (greeting.startsWith('* BYE')) return this.#farewell(client);
    const { login, password } = this.#account;
    for (const command of [`LOGIN ${login} "${password}"`, 'SELECT INBOX'])
      if ((await this.#ask(client, command)) === undefined) return undefined;
    this.sessions++;
    return client;
  }

  protected async use(client: LineClient): Promise<boolean> {
    const count = this.#count++;
    if (count % 5 === 0 && !(await this.#append(client, `${this.#name}-${count}`))) return false;
    const status = await this.#ask(client, 'STATUS INBOX (UIDVALIDITY)');
    if (status === undefined) return false;
    const uidValidity = /UIDVALIDITY (\d+)/.exec(status.join(' '))?.[1];
    this.#uidValidity ??= uidValidity;
    if (uidValidity !== this.#uidValidity) this.failed(`UIDVALIDITY became ${uidValidity}`);
    const found = await this.#ask(client, 'UID SEARCH ALL');
    if (found === undefined) return false;
    const uids = (found.find((line) => line.startsWith('* SEARCH'))?.slice(9) ?? '')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    // RFC 9051 section 2.3.1.1: strictly ascending in the order of the mailbox.
    if (uids.some((uid, index) => index > 0 && uid <= uids[index - 1]!))
      this.failed(`UIDs not ascending: ${uids.join(' ')}`);
    const uid = uids[count % Math.max(1, uids.length)];
    return uid === undefined || this.#flag(client, uid, `mark${count % KEYWORDS}`);
  }

  async #append(client: LineClient, mark: string): Promise<boolean> {
    const text = `Subject: ${mark}\r\n\r\n${bodyOf(mark)}`;
    const kept = { to: this.#account.login, mark };
    const tag = `t${++this.#tag}`;
    try {
      // RFC 7888: in one go, so that no go-ahead is waited for.
      client.send(`${tag} APPEND INBOX {${text.length}+}\r\n${text}\r\n`);
      const lines = await client.until(tag);
      if (!lines.at(-1)!.startsWith(`${tag} OK`)) throw new Error(`APPEND: ${lines.at(-1)}`);
      this.kept.push(kept);
      return true;
    } catch (error) {
      this.unanswered.push(kept);
      return this.#ended(client, error);
    }
  }

  async #flag(client: LineClient, uid: number, flag: string): Promise<boolean> {
    if ((await this.#ask(client, `UID STORE ${uid} +FLAGS.SILENT (${flag})`)) === undefined) return false;
    const lines = await this.#ask(client, `UID FETCH ${uid} (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])`);
    if (lines === undefined) return false;
    const mark = lines.find((line) => line.startsWith('Subject: '))?.slice(9);
    if (mark === undefined) {
      this.failed(`UID ${uid} has no subject: ${lines.join(' ')}`);
      return true;
    }
    // A UID leads to one message for ever, whichever version owns the account.
    if ((this.#markOf.get(uid) ?? mark) !== mark)
      this.failed(`UID ${uid} was ${this.#markOf.get(uid)}, is ${mark}`);
    this.#markOf.set(uid, mark);
    this.flagged.push({ uid, mark, flag });
    if (!lines.some((line) => line.includes('FLAGS (') && line.includes(flag)))
      this.failed(`UID ${uid} shows no ${flag} just after it was answered: ${lines.join(' ')}`);
    return true;
  }

  /** The lines of the answer; undefined when the server said BYE in its place. */
  async #ask(client: LineClient, command: string): Promise<readonly string[] | undefined> {
    const tag = `t${++this.#tag}`;
    let lines: readonly string[];
    try {
      lines = await client.command(tag, command);
    } catch (error) {
      return void this.#ended(client, error, command);
    }
    if (!lines.at(-1)!.startsWith(`${tag} OK`))
      throw new Error(`${command.split(' ', 2).join(' ')}: ${lines.at(-1)}`);
    return lines;
  }

  /** RFC 9051 section 7.1.5: BYE is an orderly end; anything else is a cut, told as an error. */
  #ended(client: LineClient, error: unknown, command = 'APPEND'): false {
    const { message } = error as Error;
    if (!message.startsWith('* BYE')) throw new Error(`${command.split(' ', 2).join(' ')}: ${message}`);
    this.#farewell(client);
    return false;
  }

  #farewell(client: LineClient): undefined {
    this.farewells++;
    client.close();
    return undefined;
  }
}

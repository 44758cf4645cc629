/** Load whose every promise by the server is written down: messages answered 250, flags answered OK, sessions it closed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import { Session } from './session.ts';
import { SMTP_PATIENCE_MS, sendMail } from './smtp-try.ts';

const PAUSE_MS = 50;
/** A mailbox has only so many different ones. */
const KEYWORDS = 40;
const REPEATED = 20;

/** A frontend as a client sees it; the name is for the report. */
export interface Door {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface SentMessage {
  readonly mark: string;
  readonly to: string;
  acknowledged: boolean;
  /** Tries that were not answered 2yz: each may have left a copy. */
  failedTries: number;
}

/** What the message with this subject consists of. */
export function bodyOf(mark: string): string {
  return `this is ${mark}\r\n`.repeat(REPEATED);
}

/** Sends marked messages, each tried until it is answered 250, as a mail server would. */
export class Writer {
  readonly sent: SentMessage[] = [];
  /** Replies that no server may give to good mail for an account that is there. */
  readonly violations: string[] = [];
  readonly #accounts: readonly Login[];
  readonly #frontends: readonly Door[];
  readonly #name: string;
  #client: LineClient | undefined;
  #tries = 0;

  constructor(name: string, accounts: readonly Login[], frontends: readonly Door[]) {
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
      const { to, mark } = message;
      const reply = await sendMail(await this.#connected(), { to, mark, body: bodyOf(mark) });
      if (reply.startsWith('5')) this.violations.push(`${mark}: ${reply}`);
      message.acknowledged = reply.startsWith('250');
      if (message.acknowledged) return;
    } catch {
      // A lost connection: whether a copy was left is not known.
    }
    message.failedTries++;
    this.#client?.close();
    this.#client = undefined;
    await sleep(PAUSE_MS);
  }

  /** The next frontend, when the last one is gone. */
  async #connected(): Promise<LineClient> {
    if (this.#client !== undefined && !this.#client.ended) return this.#client;
    const frontend = this.#frontends[this.#tries++ % this.#frontends.length]!;
    const client = await LineClient.connect(frontend, SMTP_PATIENCE_MS);
    this.#client = client;
    await client.reply();
    client.send('EHLO writer.example\r\n');
    await client.reply();
    return client;
  }
}

/** A flag answered OK, and which message it was for as the session saw it. */
export interface Promised {
  readonly uid: number;
  readonly mark: string;
  readonly flag: string;
}

/** A session that the server ended although it had let us log in. */
export interface ClosedSession {
  readonly frontend: string;
  readonly atMs: number;
}

/** Sets keywords on messages of one account, and checks what its sessions are told of the mailbox. */
export class Flagger {
  readonly acknowledged: Promised[] = [];
  readonly closed: ClosedSession[] = [];
  /** What a mailbox may never do, in the order in which it was seen. */
  readonly violations: string[] = [];
  readonly #account: Login;
  readonly #frontends: readonly Door[];
  readonly #markOf = new Map<number, string>();
  #uidValidity: string | undefined;
  #tries = 0;

  constructor(account: Login, frontends: readonly Door[]) {
    this.#account = account;
    this.#frontends = frontends;
  }

  async run(until: () => boolean): Promise<void> {
    while (!until()) {
      const frontend = this.#frontends[this.#tries++ % this.#frontends.length]!;
      const session = await Session.open(frontend, this.#account).catch(() => undefined);
      // Not logged in: the frontend is down, or the owner is not there yet.
      if (session !== undefined) await this.#use(session, frontend, until);
      await sleep(PAUSE_MS);
    }
  }

  async #use(session: Session, frontend: Door, until: () => boolean): Promise<void> {
    try {
      for (let count = 0; !until(); count++) {
        const uids = await this.#uids(session);
        const uid = uids[count % Math.max(1, uids.length)];
        if (uid !== undefined) await this.#flag(session, uid);
        await sleep(PAUSE_MS / 5);
      }
    } catch {
      this.closed.push({ frontend: frontend.name, atMs: performance.now() });
    } finally {
      session.close();
    }
  }

  /** Those the session knows, after a look at UIDVALIDITY; nothing when the command is refused with a temporary error. */
  async #uids(session: Session): Promise<readonly number[]> {
    const status = (await session.lines('STATUS INBOX (UIDVALIDITY)')).join(' ');
    const uidValidity = /UIDVALIDITY (\d+)/.exec(status)?.[1] ?? this.#uidValidity;
    this.#uidValidity ??= uidValidity;
    if (uidValidity !== this.#uidValidity) this.violations.push(`UIDVALIDITY became ${uidValidity}`);
    const lines = await session.lines('UID SEARCH ALL');
    const found = lines.find((line) => line.startsWith('* SEARCH'))?.slice(9);
    const uids = (found ?? '').split(' ').filter(Boolean).map(Number);
    // RFC 9051 section 2.3.1.1: strictly ascending in the order of the mailbox.
    if (uids.some((uid, index) => index > 0 && uid <= uids[index - 1]!))
      this.violations.push(`UIDs not ascending: ${uids.join(' ')}`);
    return uids;
  }

  async #flag(session: Session, uid: number): Promise<void> {
    const flag = `mark${this.acknowledged.length % KEYWORDS}`;
    const answer = await session.ask(`UID STORE ${uid} +FLAGS.SILENT (${flag})`);
    const lines = await session.lines(`UID FETCH ${uid} (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])`);
    if (!lines.at(-1)!.startsWith('OK')) return;
    const mark = lines.find((line) => line.startsWith('Subject: '))?.slice(9);
    if (mark === undefined) return void this.violations.push(`UID ${uid} has no subject: ${lines.join(' ')}`);
    // A UID leads to one message for ever, whoever owns the account.
    if ((this.#markOf.get(uid) ?? mark) !== mark)
      this.violations.push(`UID ${uid} was ${this.#markOf.get(uid)}, is ${mark}`);
    this.#markOf.set(uid, mark);
    if (!answer.startsWith('OK')) return;
    this.acknowledged.push({ uid, mark, flag });
    // Read your own writes, also when the owner changed between the two.
    if (!lines.some((line) => line.includes('FLAGS (') && line.includes(flag)))
      this.violations.push(`UID ${uid} shows no ${flag} just after it was answered: ${lines.join(' ')}`);
  }
}

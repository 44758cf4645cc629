/**
 * What clients see while the storage is full or gone and when it is back: mail to every account through every frontend, and
 * sessions that stay. Every answer is kept, with the time it took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/platform/platform.ts';
import type { Lab, Login } from '../support/lab.ts';
import { readInbox, type Stored } from './mailbox.ts';
import { Session } from './session.ts';
import { tryMail } from './smtp-try.ts';

const PAUSE_MS = 200;
/** A mailbox has only so many different ones. */
const KEYWORDS = 30;

export interface Try {
  readonly mark: string;
  readonly account: Login;
  readonly startMs: number;
  readonly endMs: number;
  /** Undefined: the connection ended without one. */
  readonly reply: string | undefined;
}

export class StorageWatch {
  readonly accounts: readonly Login[];
  readonly tries: Try[] = [];
  /** Keywords on each account's first message that were answered OK. */
  readonly #flags = new Map<Login, Set<string>>();
  /** A selected session for each account, at the frontends in turn. */
  readonly sessions: readonly Session[];
  /** One more for each account, to be put into IDLE. */
  readonly idlers: readonly Session[];
  readonly #smtp: readonly Address[];
  readonly #imap: readonly Address[];
  readonly #body: string;
  readonly #processes: readonly number[];
  #count = 0;

  private constructor(
    lab: { accounts: readonly Login[]; smtp: readonly Address[]; imap: readonly Address[] },
    sessions: readonly Session[],
    processes: readonly number[],
    bodyOctets: number,
  ) {
    this.accounts = lab.accounts;
    this.#smtp = lab.smtp;
    this.#imap = lab.imap;
    this.sessions = sessions.slice(0, lab.accounts.length);
    this.idlers = sessions.slice(lab.accounts.length);
    this.#processes = processes;
    this.#body = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bodyOctets / 72));
  }

  /** Each account has one message and its sessions then. */
  static async start(lab: Lab, bodyOctets: number): Promise<StorageWatch> {
    const { members, accounts } = await lab.file();
    const all = (service: string) => members.flatMap(({ services }) => services[service] ?? []);
    const doors = { accounts, smtp: all('smtp'), imap: all('imap') };
    const sessions = [];
    for (let i = 0; i < 2 * accounts.length; i++)
      sessions.push(await Session.open(doors.imap[i % doors.imap.length]!, accounts[i % accounts.length]!));
    const watch = new StorageWatch(doors, sessions, await lab.processes(), bodyOctets);
    await watch.allServed();
    return watch;
  }

  /** One message to each account at once, through the frontends in turn. */
  mailOnce(): Promise<readonly Try[]> {
    return Promise.all(this.accounts.map((account) => this.#try(account)));
  }

  /** One message after the other to each account. */
  async mailUntil(enough: Promise<unknown>): Promise<void> {
    let ended = false;
    void enough.then(() => (ended = true));
    const send = async (account: Login): Promise<void> => {
      for (; !ended; await sleep(PAUSE_MS)) await this.#try(account);
    };
    await Promise.all(this.accounts.map(send));
  }

  /** How long it takes until each account has taken a message and each session has made a change. */
  async allServed(): Promise<number> {
    const startMs = performance.now();
    const mail = async (account: Login): Promise<void> => {
      while (!((await this.#try(account)).reply?.startsWith('250') === true)) await sleep(PAUSE_MS);
    };
    const change = async (session: Session): Promise<void> => {
      while (!(await this.flag(session)).startsWith('OK')) await sleep(PAUSE_MS);
    };
    await Promise.all(this.accounts.map(mail));
    await Promise.all(this.sessions.map(change));
    return performance.now() - startMs;
  }

  /** Sets a keyword on the first message of the session's account; gives the answer. */
  async flag(session: Session): Promise<string> {
    const account = this.accounts[this.sessions.indexOf(session)]!;
    const flag = `promised${this.#count++ % KEYWORDS}`;
    const answer = await session.ask(`UID STORE 1 +FLAGS.SILENT (${flag})`);
    if (answer.startsWith('OK')) this.#flags.set(account, (this.#flags.get(account) ?? new Set()).add(flag));
    return answer;
  }

  /** One attempt at a log-in, from connecting to the selected mailbox. */
  newSession(index: number): Promise<Session> {
    return Session.open(this.#imap[index % this.#imap.length]!, this.accounts[index]!);
  }

  /** The answer to a log-in with the right password, at the frontends in turn. */
  tryLogin(account: Login): Promise<string | undefined> {
    return Session.tryLogin(this.#imap[this.#count++ % this.#imap.length]!, account);
  }

  /** Members and workers that are not what they were. */
  async exited(lab: Lab): Promise<readonly number[]> {
    const now = new Set(await lab.processes());
    return this.#processes.filter((pid) => !now.has(pid));
  }

  /** `account mark` of each message answered 250, and `account keyword` of each answered OK, that is not there. */
  async missing(): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const account of this.accounts) {
      const stored = await this.#read(account);
      const subjects = new Set(stored.map(({ subject }) => subject));
      const promised = this.tries.filter((each) => each.account === account && each.reply?.startsWith('250'));
      missing.push(
        ...promised.filter(({ mark }) => !subjects.has(mark)).map(({ mark }) => `${account.login} ${mark}`),
      );
    }
    return missing;
  }

  close(): void {
    for (const session of [...this.sessions, ...this.idlers]) session.close();
  }

  async #read(account: Login): Promise<readonly Stored[]> {
    return (await readInbox(this.#imap[0]!, account)).messages;
  }

  async #try(account: Login): Promise<Try> {
    const mark = `watched-${this.#count++}`;
    const frontend = this.#smtp[this.#count % this.#smtp.length]!;
    const startMs = performance.now();
    const reply = await tryMail(frontend, { to: account.login, mark, body: this.#body });
    const tried = { mark, account, startMs, endMs: performance.now(), reply };
    this.tries.push(tried);
    return tried;
  }
}

/**
 * A mail program that lives long: one IMAP connection, one command at a time, and a view of its mailbox that it keeps from
 * what it is told (mailbox-view.ts). It complains of whatever no server may send: two tagged responses, one that nobody
 * asked for, untagged ones between commands, numbers that cannot be, an end inside a response.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Address } from '../../src/platform/platform.ts';
import type { Login } from '../support/lab.ts';
import { type Found, MailboxView, normalFlags } from './mailbox-view.ts';
import { type Response, ResponseReader } from './responses.ts';

export interface Answer {
  /** `closed`: the connection ended, with or without BYE, and no tagged response came. */
  readonly status: 'OK' | 'NO' | 'BAD' | 'closed';
  /** What stands behind the status; of `closed` the BYE, if there was one. */
  readonly text: string;
  readonly untagged: readonly Response[];
}

/** Longer than any fault of these tests lasts: what is silent for so long hangs. */
const PATIENCE_MS = 60_000;

interface Running {
  readonly tag: string;
  readonly command: string;
  readonly untagged: Response[];
  readonly answered: (answer: Answer) => void;
  /** The next continuation (RFC 3501 section 7.5), or the end of the command before it. */
  goAhead: () => void;
}

export class MailProgram {
  readonly name: string;
  readonly view = new MailboxView();
  /** Called with each untagged response, as it comes. */
  onTold: ((text: string) => void) | undefined;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  readonly #complaints: string[] = [];
  #running: Running | undefined;
  #idling: Promise<Answer> | undefined;
  #tags = 0;
  #bye = '';
  #isClosed = false;
  #isLeaving = false;
  #greeted: () => void = () => undefined;

  private constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (octets: Buffer) => {
      for (const response of this.#reader.push(octets)) this.#take(response);
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#ended());
  }

  /** Logged in. Rejects when it is not let in. */
  static async open(address: Address, { login, password }: Login, name = login): Promise<MailProgram> {
    const socket = connect(address.port, address.host);
    const program = new MailProgram(name, socket);
    const greeted = new Promise<void>((resolve) => (program.#greeted = resolve));
    await Promise.race([
      greeted,
      once(socket, 'close').then(() => Promise.reject(new Error(`${name}: refused`))),
    ]);
    const { status, text } = await program.command(`LOGIN ${login} "${password}"`);
    if (status !== 'OK') {
      program.close();
      throw new Error(`${name}: LOGIN ${status} ${text}`);
    }
    return program;
  }

  /** The server has ended the connection. */
  get isClosed(): boolean {
    return this.#isClosed && !this.#isLeaving;
  }

  get isIdling(): boolean {
    return this.#idling !== undefined;
  }

  /** What no server may do, and what the view found wrong. */
  get complaints(): readonly string[] {
    return [...this.#complaints, ...this.view.complaints].map((what) => `${this.name}: ${what}`);
  }

  async command(command: string): Promise<Answer> {
    if (this.#isClosed) return { status: 'closed', text: this.#bye, untagged: [] };
    const { answer } = this.#send(command);
    return answer;
  }

  /** APPEND, whose literal waits to be asked for (RFC 3501 section 4.3). */
  async append(mailbox: string, content: string, flags = ''): Promise<Answer> {
    if (this.#isClosed) return { status: 'closed', text: this.#bye, untagged: [] };
    const { answer, goAhead } = this.#send(`APPEND ${mailbox} (${flags}) {${content.length}}`);
    await goAhead;
    if (this.#running !== undefined) this.#socket.write(`${content}\r\n`, 'latin1');
    return answer;
  }

  /** SELECT, and the UID and flags of every message. */
  async select(mailbox: string): Promise<Answer> {
    this.view.reset();
    const selected = await this.command(`SELECT ${mailbox}`);
    return selected.status === 'OK' && this.view.exists > 0
      ? this.command('FETCH 1:* (UID FLAGS)')
      : selected;
  }

  /** Resolves when the server waits with it (RFC 2177 section 3). */
  async idle(): Promise<void> {
    const { answer, goAhead } = this.#send('IDLE');
    this.#idling = answer;
    await goAhead;
  }

  async done(): Promise<Answer> {
    const answer = this.#idling;
    if (answer === undefined) throw new Error(`${this.name} is not in IDLE`);
    this.#idling = undefined;
    if (!this.#isClosed) this.#socket.write('DONE\r\n');
    return answer;
  }

  /** Brings the view up to the mailbox: ends an IDLE, and asks for what it was not told of. */
  async refresh(): Promise<Answer> {
    let answer = this.isIdling ? await this.done() : await this.command('NOOP');
    while (answer.status === 'OK' && this.view.unknown.length > 0)
      answer = await this.command(`FETCH ${this.view.unknown.join(',')} (UID FLAGS)`);
    return answer;
  }

  close(): void {
    this.#isLeaving = true;
    this.#socket.destroy();
  }

  #send(command: string): { readonly answer: Promise<Answer>; readonly goAhead: Promise<void> } {
    if (this.#running !== undefined) throw new Error(`${this.name}: ${this.#running.command} runs already`);
    const tag = `t${++this.#tags}`;
    const answered = Promise.withResolvers<Answer>();
    const goAhead = Promise.withResolvers<void>();
    this.#running = {
      tag,
      command,
      untagged: [],
      answered: answered.resolve,
      goAhead: goAhead.resolve,
    };
    const timer = setTimeout(() => {
      this.#complaints.push(`no answer to ${command} for ${PATIENCE_MS} ms`);
      this.#socket.destroy();
    }, PATIENCE_MS);
    // An IDLE lasts as long as it likes.
    if (command === 'IDLE') clearTimeout(timer);
    void answered.promise.then(() => clearTimeout(timer));
    this.#socket.write(`${tag} ${command}\r\n`, 'latin1');
    return { answer: answered.promise, goAhead: goAhead.promise };
  }

  #take(response: Response): void {
    const { text } = response;
    const running = this.#running;
    if (text.startsWith('* BYE')) this.#bye = text;
    else if (text.startsWith('* ')) this.#untagged(response, running);
    else if (text.startsWith('+')) {
      if (running === undefined) this.#complaints.push(`nobody waits for: ${text}`);
      running?.goAhead();
    } else this.#tagged(text, running);
  }

  #untagged(response: Response, running: Running | undefined): void {
    const { text } = response;
    if (this.#tags === 0) return this.#greeted();
    if (running === undefined) this.#complaints.push(`between commands: ${text}`);
    running?.untagged.push(response);
    this.view.told(text, running?.command ?? '');
    this.onTold?.(text);
  }

  #tagged(text: string, running: Running | undefined): void {
    const found = /^(\S+) (OK|NO|BAD) ?(.*)$/s.exec(text);
    if (found === null || running === undefined || found[1] !== running.tag) {
      this.#complaints.push(`not asked for: ${text}`);
      return;
    }
    this.#running = undefined;
    const status = found[2] as 'OK' | 'NO' | 'BAD';
    running.answered({ status, text: found[3] ?? '', untagged: running.untagged });
    running.goAhead();
  }

  #ended(): void {
    this.#isClosed = true;
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.answered({ status: 'closed', text: this.#bye, untagged: running.untagged });
    running.goAhead();
  }

  /** The connection ended inside a response: what came of it can be told from a whole one. */
  get isCut(): boolean {
    return this.#isClosed && this.#reader.isWithin;
  }
}

/** The mailbox as a session sees it that has just come. */
export async function look(address: Address, login: Login, mailbox = 'INBOX'): Promise<readonly Found[]> {
  const program = await MailProgram.open(address, login, `a look at ${login.login}`);
  try {
    program.view.reset();
    const selected = await program.command(`SELECT ${mailbox}`);
    if (selected.status !== 'OK') throw new Error(`SELECT ${mailbox}: ${selected.status} ${selected.text}`);
    if (program.view.exists === 0) return [];
    const { status, text, untagged } = await program.command('FETCH 1:* (UID FLAGS)');
    if (status !== 'OK') throw new Error(`FETCH: ${status} ${text}`);
    return untagged.flatMap((response) => {
      const found = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)\)$/.exec(response.text);
      return found === null ? [] : [{ uid: Number(found[1]), flags: normalFlags(found[2]!) }];
    });
  } finally {
    program.close();
  }
}

/**
 * A small IMAP client that believes nothing: it keeps the view of the mailbox that the server tells it (RFC 9051 section
 * 7.4 and 7.5: EXISTS, EXPUNGE, FETCH by sequence number) and reports where two responses contradict each other.
 */
import type { Address, Platform } from '../../../src/platform/platform.ts';
import { LineClient, NoAnswer } from './line-client.ts';

/** Longer than a command may wait for an owner. */
const PATIENCE_MS = 9000;

export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD';
  readonly text: string;
  readonly untagged: readonly string[];
  /** What FETCH responses said, in their order. */
  readonly fetched: readonly Fetched[];
  /** UIDs that were told to be gone. */
  readonly expunged: readonly number[];
}

/** One FETCH response, with what of it there was. */
export interface Fetched {
  readonly uid: number;
  readonly modseq: number | undefined;
  readonly flags: readonly string[] | undefined;
  readonly emailId: string | undefined;
  readonly subject: string | undefined;
}

export interface Selected {
  readonly box: string;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModseq: number;
}

export class ImapClient {
  readonly #line: LineClient;
  readonly #broken: (what: string) => void;
  #tag = 0;
  /** UIDs by sequence number, as far as they were told. */
  #view: (number | undefined)[] = [];
  selected: Selected | undefined;

  constructor(line: LineClient, broken: (what: string) => void) {
    this.#line = line;
    this.#broken = broken;
  }

  /** Connected and logged in. Throws NoAnswer. */
  static async logIn(
    platform: Platform,
    to: Address,
    login: string,
    password: string,
    broken: (what: string) => void,
  ): Promise<{ readonly client: ImapClient; readonly answer: Answer }> {
    const line = await LineClient.connect(platform, to, PATIENCE_MS);
    const client = new ImapClient(line, broken);
    await line.line();
    return { client, answer: await client.command(`LOGIN ${login} ${password}`) };
  }

  get isOver(): boolean {
    return this.#line.isOver;
  }

  close(): void {
    this.#line.close();
  }

  async select(box: string): Promise<Answer> {
    this.selected = undefined;
    this.#view = [];
    const answer = await this.command(`SELECT ${box} (CONDSTORE)`);
    if (answer.status !== 'OK') return answer;
    const text = answer.untagged.join('\n');
    this.selected = {
      box,
      uidValidity: numberIn(/\[UIDVALIDITY (\d+)/, text) ?? 0,
      uidNext: numberIn(/\[UIDNEXT (\d+)/, text) ?? 0,
      highestModseq: numberIn(/\[HIGHESTMODSEQ (\d+)/, text) ?? 0,
    };
    return answer;
  }

  /** Everything in the mailbox, as the view has it; the mailbox's own data only, which costs the owner no read. */
  fetchAll(): Promise<Answer> {
    return this.#view.length === 0
      ? this.command('NOOP')
      : this.command('UID FETCH 1:* (UID FLAGS MODSEQ EMAILID)');
  }

  fetchSubjects(uids: readonly number[]): Promise<Answer> {
    return this.command(`UID FETCH ${uids.join(',')} (UID ENVELOPE)`);
  }

  /** Messages in the view. */
  get exists(): number {
    return this.#view.length;
  }

  async append(box: string, octets: string): Promise<Answer> {
    return this.command(`APPEND ${box} {${octets.length}+}\r\n${octets}`);
  }

  /** Idles until something is told or the time is over. */
  async idle(platform: Platform, ms: number): Promise<Answer> {
    const tag = `t${++this.#tag}`;
    this.#line.send(`${tag} IDLE\r\n`);
    await platform.clock.sleep(ms);
    this.#line.send('DONE\r\n');
    return this.#answer(tag);
  }

  async command(text: string): Promise<Answer> {
    const tag = `t${++this.#tag}`;
    this.#line.send(`${tag} ${text}\r\n`);
    return this.#answer(tag);
  }

  async #answer(tag: string): Promise<Answer> {
    const untagged: string[] = [];
    const fetched: Fetched[] = [];
    const expunged: number[] = [];
    for (;;) {
      const line = await this.#response();
      const tagged = new RegExp(`^${tag} (OK|NO|BAD) ?(.*)$`).exec(line);
      if (tagged !== null) {
        const status = tagged[1] as Answer['status'];
        if (status === 'BAD') this.#broken(`answered BAD: ${line}`);
        return { status, text: tagged[2]!, untagged, fetched, expunged };
      }
      if (line.startsWith('* BYE')) throw new NoAnswer(line);
      if (line.startsWith('+')) continue;
      untagged.push(line);
      this.#untagged(line, fetched, expunged);
    }
  }

  /** One response with its literals in place. */
  async #response(): Promise<string> {
    let response = '';
    for (;;) {
      const line = await this.#line.line();
      response += line;
      const literal = /\{(\d+)\}$/.exec(line);
      if (literal === null) return response;
      response += await this.#line.octets(Number(literal[1]));
    }
  }

  #untagged(line: string, fetched: Fetched[], expunged: number[]): void {
    const numbered = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)$/.exec(line);
    if (numbered === null) return;
    const number = Number(numbered[1]);
    switch (numbered[2]) {
      case 'EXISTS':
        if (number < this.#view.length) this.#broken(`EXISTS ${number} after ${this.#view.length}`);
        while (this.#view.length < number) this.#view.push(undefined);
        return;
      case 'EXPUNGE': {
        if (number < 1 || number > this.#view.length) this.#broken(`${line} of ${this.#view.length}`);
        const [uid] = this.#view.splice(number - 1, 1);
        if (uid !== undefined) expunged.push(uid);
        return;
      }
      default:
        this.#fetch(number, numbered[3]!, fetched);
    }
  }

  #fetch(number: number, text: string, fetched: Fetched[]): void {
    const uid = numberIn(/\bUID (\d+)/, text);
    if (number < 1 || number > this.#view.length) this.#broken(`FETCH ${number} of ${this.#view.length}`);
    if (uid === undefined) return;
    const known = this.#view[number - 1];
    if (known !== undefined && known !== uid)
      this.#broken(`message ${number} was UID ${known} and is ${uid}`);
    this.#view[number - 1] = uid;
    const lower = this.#view.slice(0, number - 1).findLast((each) => each !== undefined);
    if (lower !== undefined && lower >= uid)
      this.#broken(`message ${number} has UID ${uid}, one before it ${lower}`);
    const modseq = numberIn(/\bMODSEQ \((\d+)\)/, text);
    const flags = /\bFLAGS \(([^)]*)\)/.exec(text)?.[1];
    fetched.push({
      uid,
      modseq,
      flags: flags?.split(' ').filter(Boolean),
      emailId: /\bEMAILID \(([^)]*)\)/.exec(text)?.[1],
      subject: /\bENVELOPE \((?:NIL|"[^"]*") "([^"]*)"/.exec(text)?.[1],
    });
  }
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

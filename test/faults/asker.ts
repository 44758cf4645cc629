/**
 * A mail program that asks for one account all the time, in one session, and goes to another frontend when that is lost:
 * when was the account served, and what was answered instead. Every few questions one is a change, as an owner that can
 * only be read is no owner.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/platform/platform.ts';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';

/** Between an answer and the next question, unless told otherwise. */
const PACE_MS = 10;
/** Before a log-in is tried again. */
const AGAIN_MS = 20;
/** Longer than any fault: a session is never ended from here. */
const PATIENCE_MS = 120_000;
const CHANGE_EVERY = 5;
const MESSAGE = 'Subject: asked for\r\n\r\nagain and again\r\n';

/** Where a frontend answers IMAP in TLS. */
export interface Door extends Address {
  readonly name: string;
}

interface Answered {
  readonly startMs: number;
  readonly endMs: number;
}

export class Asker {
  readonly account: Login;
  /** Answers other than OK since `begin`. */
  refused: string[] = [];
  /** Sessions that ended since `begin`. */
  closed = 0;
  readonly #doors: readonly Door[];
  readonly #paceMs: number;
  readonly #home: number;
  #at: number;
  #client: LineClient | undefined;
  /** Good ones since `begin`. */
  #answers: Answered[] = [];
  #last: Answered = { startMs: -Infinity, endMs: -Infinity };
  /** When the question was put, or the log-in begun, that has no good answer yet. */
  #waitingSinceMs: number | undefined;
  #asked = 0;
  #stopping = false;
  readonly #running: Promise<void>;

  /** Its own frontend is the `home`-th. */
  constructor(account: Login, doors: readonly Door[], home: number, paceMs = PACE_MS) {
    this.account = account;
    this.#paceMs = paceMs;
    this.#doors = doors;
    this.#home = this.#at = home % doors.length;
    this.#running = this.#run();
  }

  /** Frontend that it asks now. */
  get door(): string {
    return this.#doors[this.#at]!.name;
  }

  get isHome(): boolean {
    return this.#at === this.#home;
  }

  /** The newest good answer is so young, and was to a question put after that. */
  isServed(withinMs: number, afterMs: number): boolean {
    const { startMs, endMs } = this.#last;
    return startMs > afterMs && performance.now() - endMs < withinMs;
  }

  /** Forgets what was. */
  begin(): void {
    this.#answers = [];
    this.refused = [];
    this.closed = 0;
  }

  /** Leaves the frontend that it fled to. */
  goHome(): void {
    if (this.#at === this.#home) return;
    this.#at = this.#home;
    this.#client?.close();
  }

  /** Longest time between good answers since then, the present one included. */
  longestGapMs(sinceMs: number): number {
    const ends = this.#answers.map(({ endMs }) => endMs).filter((ms) => ms > sinceMs);
    const marks = [sinceMs, ...ends, performance.now()];
    return Math.max(...marks.slice(1).map((ms, index) => ms - marks[index]!));
  }

  /** Longest time from a question to its good answer, of those answered since then and the one that waits; and when it was put. */
  slowest(sinceMs: number): { readonly ms: number; readonly putMs: number } {
    const nowMs = performance.now();
    const putMs = this.#waitingSinceMs ?? nowMs;
    return this.#answers
      .filter(({ endMs }) => endMs > sinceMs)
      .map(({ startMs, endMs }) => ({ ms: endMs - startMs, putMs: startMs }))
      .reduce((worst, each) => (each.ms > worst.ms ? each : worst), { ms: nowMs - putMs, putMs });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#client?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const at = this.#at;
      try {
        await this.#session(this.#doors[at]!);
      } catch (error) {
        // Ended, by the server or by us; or not logged in.
        const refusal = /(?:NO|BAD|BYE) .*/.exec((error as Error).message)?.[0];
        if (refusal !== undefined) this.refused.push(refusal);
      }
      if (this.#client !== undefined && at === this.#at) this.closed++;
      this.#client?.close();
      this.#client = undefined;
      if (this.#stopping) return;
      if (at === this.#at) this.#at = (at + 1) % this.#doors.length;
      await sleep(AGAIN_MS);
    }
  }

  /** Until it ends, in an error. */
  async #session(door: Door): Promise<void> {
    this.#waitingSinceMs ??= performance.now();
    const { login, password } = this.account;
    const client = await LineClient.connect(door, PATIENCE_MS, { tls: true });
    try {
      await client.line();
      await answered(client, `LOGIN ${login} "${password}"`);
      const [exists] = /\d+(?= EXISTS)/.exec(await answered(client, 'SELECT INBOX')) ?? ['0'];
      if (exists === '0') await append(client);
    } catch (error) {
      client.close();
      throw error;
    }
    this.#client = client;
    for (;;) {
      await this.#ask(client);
      await sleep(this.#paceMs);
    }
  }

  async #ask(client: LineClient): Promise<void> {
    const count = this.#asked++;
    const set = count % (2 * CHANGE_EVERY) === 0 ? '+' : '-';
    const isChange = count % CHANGE_EVERY === 0;
    const startMs = performance.now();
    this.#waitingSinceMs ??= startMs;
    const lines = await client.command(
      'a',
      isChange ? `UID STORE 1 ${set}FLAGS.SILENT (\\Flagged)` : 'UID FETCH 1 (FLAGS)',
    );
    const answer = lines.at(-1)!;
    if (!answer.startsWith('a OK')) return void this.refused.push(answer.slice(2));
    this.#last = { startMs: this.#waitingSinceMs, endMs: performance.now() };
    this.#answers.push(this.#last);
    this.#waitingSinceMs = undefined;
  }
}

/** All of the answer. Rejects with one that is not OK. */
async function answered(client: LineClient, command: string): Promise<string> {
  const lines = await client.command('a', command);
  if (!lines.at(-1)!.startsWith('a OK')) throw new Error(lines.at(-1));
  return lines.join('\n');
}

async function append(client: LineClient): Promise<void> {
  await answered(client, `APPEND INBOX {${MESSAGE.length}+}\r\n${MESSAGE}`);
}

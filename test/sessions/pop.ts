/**
 * POP3 sessions whose owner is killed at a drawn instant: the same octets of every message and the same numbers whoever
 * answers, and a QUIT that was answered +OK has deleted what was marked, and nothing else (docs/pop.md).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Login } from '../support/lab.ts';
import { signal, until } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import type { Prng } from '../support/prng.ts';
import type { Bed } from './bed.ts';
import { MailProgram } from './mail-program.ts';

const MESSAGES = 5;
const PATIENCE_MS = 60_000;
const READY_MS = 90_000;
const BEFORE_MS_MAX = 300;
/** Larger than one message of the bus, so that a RETR is under way when its owner dies. */
const LARGE_LINES = 6000;
const LINE = `${'abcdefghij'.repeat(7)}\r\n`;

export interface PopFigures {
  tries: number;
  commands: number;
  /** Answers that the owner was lost in, or before: they took this much longer than all others. */
  longestMs: number;
  deleted: number;
  /** -ERR [SYS/TEMP], by command. */
  readonly refused: Map<string, number>;
  readonly complaints: string[];
}

export interface PopOptions {
  readonly bed: Bed;
  readonly random: Prng;
  readonly tries: number;
  readonly account: Login;
}

export async function checkPop({ bed, random, tries, account }: PopOptions): Promise<PopFigures> {
  const figures: PopFigures = {
    tries: 0,
    commands: 0,
    longestMs: 0,
    deleted: 0,
    refused: new Map(),
    complaints: [],
  };
  for (; figures.tries < tries && figures.complaints.length === 0; figures.tries++) {
    const subjects = await refill(bed, account, figures.tries);
    const marked = new Set(subjects.filter(() => random.chance(0.4)));
    const owner = await bed.ownerOf(account);
    const session = await PopSession.open(bed, figures, account);
    try {
      // Into the reading, or into the QUIT.
      const intoQuit = random.chance(0.5);
      const strike = async (): Promise<void> => {
        await sleep(random.below(intoQuit ? BEFORE_MS_MAX / 20 : BEFORE_MS_MAX));
        signal(owner.pid, 'SIGKILL');
      };
      const reading = intoQuit ? undefined : strike();
      const numbers = await session.readAll(subjects, marked);
      await reading;
      if (!intoQuit) await session.readAll(subjects, new Set());
      for (const number of numbers) await session.ask(`DELE ${number}`);
      const quitting = intoQuit ? strike() : undefined;
      const quit = await session.ask('QUIT');
      await quitting;
      const left = await subjectsOf(bed, account);
      const gone = subjects.filter((subject) => !left.includes(subject));
      for (const subject of gone)
        if (!marked.has(subject)) figures.complaints.push(`${subject} is gone, and was not marked`);
      if (quit.startsWith('+OK') && gone.length !== marked.size)
        figures.complaints.push(`${quit}: ${gone.length} are gone of ${marked.size} that were marked`);
      figures.deleted += gone.length;
      await until(async () => {
        const status = await bed.lab.status(owner.member).catch(() => undefined); // being written
        return status?.state === 'ready' && !status.workers.includes(owner.pid);
      }, READY_MS);
    } finally {
      session.close();
    }
  }
  return figures;
}

class PopSession {
  readonly #client: LineClient;
  readonly #figures: PopFigures;
  /** Each answer, by command: a session's maildrop does not change. */
  readonly #answers = new Map<string, string>();

  private constructor(client: LineClient, figures: PopFigures) {
    this.#client = client;
    this.#figures = figures;
  }

  static async open(bed: Bed, figures: PopFigures, { login, password }: Login): Promise<PopSession> {
    const client = await LineClient.connect(bed.door(figures.tries, 'pop3'), PATIENCE_MS);
    await client.line();
    const session = new PopSession(client, figures);
    for (const command of [`USER ${login}`, `PASS ${password}`]) {
      const answer = await session.ask(command);
      if (!answer.startsWith('+OK')) throw new Error(`${command.split(' ')[0]}: ${answer}`);
    }
    return session;
  }

  close(): void {
    this.#client.close();
  }

  /** The status line; a lost connection is a complaint. */
  async ask(command: string): Promise<string> {
    return (await this.#lines(command, false))[0]!;
  }

  /** STAT, LIST, UIDL and every message; gives the numbers of those with the wanted subjects. */
  async readAll(subjects: readonly string[], wanted: ReadonlySet<string>): Promise<readonly number[]> {
    this.#same('STAT', [await this.ask('STAT')]);
    for (const command of ['LIST', 'UIDL']) this.#same(command, await this.#lines(command, true));
    const numbers: number[] = [];
    for (let number = 1; number <= subjects.length; number++) {
      const lines = await this.#lines(`RETR ${number}`, true);
      this.#same(`RETR ${number}`, lines);
      const subject = lines.find((line) => line.startsWith('Subject: '))?.slice('Subject: '.length);
      if (subject !== subjects[number - 1])
        this.#figures.complaints.push(`RETR ${number} is ${subject}, not ${subjects[number - 1]}`);
      if (lines.filter((line) => `${line}\r\n` === LINE).length !== LARGE_LINES)
        this.#figures.complaints.push(`RETR ${number}: ${lines.length} lines`);
      if (wanted.has(subject ?? '')) numbers.push(number);
    }
    return numbers;
  }

  #same(command: string, lines: readonly string[]): void {
    const text = lines.join('\n');
    const before = this.#answers.get(command) ?? text;
    this.#answers.set(command, before);
    if (before !== text)
      this.#figures.complaints.push(`${command} is another: ${lines[0]}, was ${before.split('\n')[0]}`);
  }

  async #lines(command: string, isLong: boolean): Promise<readonly string[]> {
    const { complaints, refused } = this.#figures;
    const startMs = performance.now();
    this.#client.send(`${command}\r\n`);
    const lines: string[] = [];
    try {
      do lines.push(await this.#client.line());
      while (isLong && lines[0]!.startsWith('+OK') && lines.at(-1) !== '.');
    } catch {
      complaints.push(`${command}: the connection ended after ${lines.length} lines`);
    }
    this.#figures.commands++;
    this.#figures.longestMs = Math.max(this.#figures.longestMs, performance.now() - startMs);
    const name = command.split(' ')[0]!;
    const first = lines[0] ?? 'nothing';
    // Nothing takes as long as stallMs here, so nothing is refused.
    if (!first.startsWith('+OK')) {
      refused.set(`${name} ${first}`, (refused.get(`${name} ${first}`) ?? 0) + 1);
      complaints.push(`${name}: ${first}`);
    }
    return lines.length === 0 ? [first] : lines;
  }
}

/** So many messages in INBOX, by subject, in the order of their numbers. */
async function refill(bed: Bed, account: Login, round: number): Promise<readonly string[]> {
  const left = await subjectsOf(bed, account);
  const program = await MailProgram.open(bed.door(0), account);
  try {
    for (let i = left.length; i < MESSAGES; i++) {
      const { status, text } = await program.append(
        'INBOX',
        `Subject: pop-${round}-${i}\r\n\r\n${LINE.repeat(LARGE_LINES)}`,
      );
      if (status !== 'OK') throw new Error(`APPEND: ${status} ${text}`);
    }
  } finally {
    program.close();
  }
  return subjectsOf(bed, account);
}

async function subjectsOf(bed: Bed, account: Login): Promise<readonly string[]> {
  const program = await MailProgram.open(bed.door(1), account);
  try {
    await program.command('SELECT INBOX');
    if (program.view.exists === 0) return [];
    const { untagged } = await program.command('FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])');
    return untagged.flatMap(
      ({ literals }) => /Subject: (\S+)/.exec(literals[0]?.toString('latin1') ?? '')?.[1] ?? [],
    );
  } finally {
    program.close();
  }
}

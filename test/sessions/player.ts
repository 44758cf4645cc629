/**
 * A session that does nothing but one kind of command, writes down what each answer promised, and holds it against what is
 * there (docs/imap-relay.md, "When an owner is lost"): done once when answered OK, at most once when the connection ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Login } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';
import type { Bed } from './bed.ts';
import { type Answer, look, MailProgram } from './mail-program.ts';

const READY_MS = 90_000;
const TRIES_MAX = 3;
/** After an answer: an owner is to be lost inside commands, and now and then between them. */
const BETWEEN_MS_MAX = 6;
/** In a mailbox that is read: enough for answers that do not fit into one message of the bus. */
const READ_MESSAGES = 12;
const LARGE_LINES = 1200;
const LINE = `${'0123456789'.repeat(7)}\r\n`;

export const KINDS = [
  'NOOP',
  'IDLE',
  'FETCH',
  'FETCH BODY[]',
  'SEARCH',
  'STATUS',
  'APPEND',
  'COPY',
  'MOVE',
  'STORE',
  'EXPUNGE',
] as const;
export type Kind = (typeof KINDS)[number];

export interface KindFigures {
  /** Losses that its account's owner was hit by. */
  tries: number;
  commands: number;
  ok: number;
  no: number;
  /** Connections that ended: between responses, or inside one, where they must. */
  ended: number;
  cut: number;
  /** The longest wait for an answer. */
  longestMs: number;
}

export interface CommandsFigures {
  readonly kinds: ReadonlyMap<Kind, KindFigures>;
  readonly complaints: string[];
  /** Texts of NO and BYE, how often. */
  readonly refused: Map<string, number>;
}

/** What a mailbox must hold of one message, after what was answered. */
type Copies = 'once' | 'at most once' | 'gone' | 'once or gone';

/** One session with its kind of command, and the promises it was given. */
export class Player {
  readonly kind: Kind;
  readonly account: Login;
  readonly figures: KindFigures;
  readonly #all: CommandsFigures;
  readonly #bed: Bed;
  readonly #random: Prng;
  readonly #door: number;
  #program: MailProgram | undefined;
  #count = 0;
  /** By subject, in INBOX and in Other. */
  readonly #promised = new Map<string, { inbox: Copies; other: Copies; flags?: string }>();
  /** By UID in INBOX. */
  readonly #subjectOf = new Map<number, string>();
  /** Of what is only read: the answer to each time. */
  #known = '';

  private constructor(bed: Bed, kind: Kind, index: number, random: Prng, all: CommandsFigures) {
    this.kind = kind;
    this.account = bed.accounts[index]!;
    this.figures = all.kinds.get(kind)!;
    this.#all = all;
    this.#bed = bed;
    this.#random = random;
    this.#door = index;
  }

  static async open(
    bed: Bed,
    kind: Kind,
    index: number,
    random: Prng,
    all: CommandsFigures,
  ): Promise<Player> {
    const player = new Player(bed, kind, index, random, all);
    const program = await player.#opened();
    await program.command('CREATE Other');
    await player.#refill(program);
    return player;
  }

  close(): void {
    this.#program?.close();
  }

  async play(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const program = await this.#opened();
      const startMs = performance.now();
      const answer = await this.#one(program, isOver);
      // An IDLE is as long as it is left; its answer is looked at all the same.
      if (this.kind !== 'IDLE')
        this.figures.longestMs = Math.max(this.figures.longestMs, performance.now() - startMs);
      this.#counted(program, answer);
      await sleep(this.#random.below(BETWEEN_MS_MAX));
    }
  }

  /** Nobody does anything: what is there is what was promised. */
  async check(): Promise<void> {
    const complain = (what: string): void => void this.#all.complaints.push(`${this.kind}: ${what}`);
    const program = await this.#opened();
    const refreshed = await program.refresh();
    if (refreshed.status !== 'OK') complain(`refresh: ${refreshed.status} ${refreshed.text}`);
    const wrong = program.view.compare(await look(this.#bed.door(this.#door), this.account));
    if (wrong.length > 0) complain(wrong.slice(0, 5).join('; '));
    for (const what of program.complaints) complain(what);
    if (this.#promised.size === 0) return;
    const inbox = await this.#subjects(program, 'INBOX');
    const other = await this.#subjects(program, 'Other');
    for (const [subject, promised] of this.#promised) {
      const [here, there] = [inbox.get(subject) ?? [], other.get(subject) ?? []];
      if (!holds(promised.inbox, here.length))
        complain(`${subject} is ${here.length} times in INBOX, not ${promised.inbox}`);
      if (!holds(promised.other, there.length))
        complain(`${subject} is ${there.length} times in Other, not ${promised.other}`);
      if (promised.inbox === 'once or gone' && here.length + there.length !== 1 && this.kind === 'MOVE')
        complain(`${subject} is ${here.length} times in INBOX and ${there.length} times in Other`);
      if (promised.flags !== undefined && !here.some((flags) => flags.includes(promised.flags!)))
        complain(`${subject} has flags ${here.join()}, not ${promised.flags}`);
    }
    for (const subject of [...inbox.keys(), ...other.keys()])
      if (!this.#promised.has(subject)) complain(`${subject} is there, and nobody put it there`);
    this.#promised.clear();
    await this.#empty(program, 'Other');
    await this.#empty(program, 'INBOX');
    await this.#refill(program);
  }

  /** Between two losses: on a busy machine nobody may own the account for longer than a command waits. */
  async #empty(program: MailProgram, mailbox: string): Promise<void> {
    await program.select(mailbox);
    if (program.view.exists === 0) return;
    for (const command of ['STORE 1:* +FLAGS.SILENT (\\Deleted)', 'EXPUNGE']) {
      let answer = await program.command(command);
      for (let tries = 1; answer.status === 'NO' && tries < TRIES_MAX; tries++)
        answer = await program.command(command);
      if (answer.status !== 'OK') this.#all.complaints.push(`${command}: ${answer.status} ${answer.text}`);
    }
  }

  /** The one there is, or another one where that was ended. */
  async #opened(): Promise<MailProgram> {
    if (this.#program !== undefined && !this.#program.isClosed) return this.#program;
    const before = this.#program;
    if (before !== undefined)
      for (const what of before.complaints) this.#all.complaints.push(`${this.kind}: ${what}`);
    for (const untilMs = performance.now() + READY_MS; ; )
      try {
        const program = await MailProgram.open(
          this.#bed.door(this.#door),
          this.account,
          `${this.kind} ${this.account.login}`,
        );
        await program.select('INBOX');
        return (this.#program = program);
      } catch (error) {
        // A log-in needs an owner, which there may be none of just now.
        if (performance.now() > untilMs) throw error;
      }
  }

  #counted(program: MailProgram, { status, text }: Answer): void {
    const { figures } = this;
    figures.commands++;
    if (status === 'OK') figures.ok++;
    else if (status === 'NO') figures.no++;
    else if (status === 'closed') figures.ended++;
    else this.#all.complaints.push(`${this.kind}: BAD ${text}`);
    if (program.isCut) figures.cut++;
    if (status === 'OK') return;
    const key = `${this.kind}: ${status} ${program.isCut ? 'inside a response' : text}`;
    this.#all.refused.set(key, (this.#all.refused.get(key) ?? 0) + 1);
    // Nothing goes wrong within stallMs but a response of which the client has a part.
    const mayBeCut = this.kind === 'FETCH' || this.kind === 'FETCH BODY[]';
    if (!(mayBeCut && program.isCut)) this.#all.complaints.push(`${this.kind}: ${status} ${text}`);
  }

  async #one(program: MailProgram, isOver: () => boolean): Promise<Answer> {
    const { view } = program;
    switch (this.kind) {
      case 'NOOP':
        return program.command('NOOP');
      case 'STATUS':
        return this.#same(await program.command('STATUS Other (MESSAGES UIDNEXT UIDVALIDITY)'));
      case 'SEARCH':
        return this.#same(await program.command('SEARCH OR SUBJECT read BODY nothing'));
      case 'FETCH':
        return this.#same(await program.command('FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)'));
      case 'FETCH BODY[]':
        return this.#same(await program.command('FETCH 1:* (UID BODY.PEEK[])'));
      case 'IDLE':
        await program.idle();
        while (!isOver() && !program.isClosed) await sleep(20);
        return program.done();
      case 'APPEND': {
        const subject = this.#subject();
        const answer = await program.append('INBOX', message(subject));
        const inbox = answer.status === 'OK' ? 'once' : answer.status === 'NO' ? 'gone' : 'at most once';
        this.#promised.set(subject, { inbox, other: 'gone' });
        return answer;
      }
      case 'COPY':
        return this.#transfer(program, 'COPY');
      case 'MOVE':
        return this.#transfer(program, 'MOVE');
      case 'STORE': {
        const number = this.#random.between(1, view.exists);
        const flag = `mark${this.#count++ % 40}`;
        const subject = this.#subjectAt(program, number);
        const answer = await program.command(`STORE ${number} +FLAGS (${flag})`);
        if (answer.status === 'OK')
          this.#promised.set(subject, { inbox: 'once', other: 'gone', flags: flag });
        return answer;
      }
      case 'EXPUNGE': {
        if (view.exists === 0) await this.#refill(program);
        const number = this.#random.between(1, view.exists);
        const subject = this.#subjectAt(program, number);
        this.#promised.set(subject, { inbox: 'once or gone', other: 'gone' });
        const stored = await program.command(`STORE ${number} +FLAGS (\\Deleted)`);
        if (stored.status !== 'OK') return stored;
        const before = view.exists;
        const answer = await program.command('EXPUNGE');
        if (answer.status !== 'OK') return answer;
        this.#promised.set(subject, { inbox: 'gone', other: 'gone' });
        if (view.exists !== before - 1)
          this.#all.complaints.push(`EXPUNGE of one left ${view.exists} of ${before}`);
        return answer;
      }
      default:
        return this.kind satisfies never;
    }
  }

  async #transfer(program: MailProgram, how: 'COPY' | 'MOVE'): Promise<Answer> {
    const { view } = program;
    if (view.exists === 0) await this.#refill(program);
    // Each is copied once, so that a copy too many is seen.
    const fresh = Array.from({ length: view.exists }, (_, index) => index + 1).filter(
      (number) => this.#promised.get(this.#subjectAt(program, number))?.other === 'gone',
    );
    if (fresh.length === 0) {
      await this.#refill(program);
      return program.command('NOOP');
    }
    const number = this.#random.pick(fresh);
    const subject = this.#subjectAt(program, number);
    const answer = await program.command(`${how} ${number} Other`);
    if (answer.status === 'OK')
      this.#promised.set(subject, { inbox: how === 'MOVE' ? 'gone' : 'once', other: 'once' });
    else if (answer.status === 'closed' || how === 'MOVE')
      this.#promised.set(subject, {
        inbox: how === 'MOVE' ? 'once or gone' : 'once',
        other: how === 'MOVE' ? 'once or gone' : 'at most once',
      });
    return answer;
  }

  /** What only reads gives the same octets whoever answers, and whoever went on with it. */
  #same(answer: Answer): Answer {
    if (answer.status !== 'OK') return answer;
    const text = answer.untagged
      .map(({ text: line, literals }) => `${line}${literals.map((each) => each.toString('latin1')).join('')}`)
      .filter((line) => !/^\* \d+ (?:EXISTS|RECENT)/.test(line))
      .join('\n')
      // Another session's, where one had to be opened again.
      .replaceAll(/ ?\\Recent/g, '');
    if (this.#known === '') this.#known = text;
    if (text !== this.#known)
      this.#all.complaints.push(`${this.kind}: answer of ${text.length} octets, was ${this.#known.length}`);
    return answer;
  }

  #subjectAt(program: MailProgram, number: number): string {
    return this.#subjectOf.get(program.view.uidOf(number) ?? 0) ?? `number ${number}`;
  }

  async #subjects(program: MailProgram, mailbox: string): Promise<ReadonlyMap<string, readonly string[]>> {
    program.view.reset();
    const found = new Map<string, string[]>();
    const selected = await program.command(`SELECT ${mailbox}`);
    if (selected.status !== 'OK') this.#all.complaints.push(`SELECT ${mailbox}: ${selected.text}`);
    if (program.view.exists > 0)
      for (const { text, literals } of (
        await program.command('FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
      ).untagged) {
        const subject = /Subject: (\S+)/.exec(literals[0]?.toString('latin1') ?? '')?.[1];
        if (subject === undefined) continue;
        if (mailbox === 'INBOX') this.#subjectOf.set(Number(/UID (\d+)/.exec(text)?.[1]), subject);
        found.set(subject, [...(found.get(subject) ?? []), text]);
      }
    return found;
  }

  /** Fresh messages in INBOX, none in Other, each of them promised. */
  async #refill(program: MailProgram): Promise<void> {
    const isRead = ['FETCH', 'FETCH BODY[]', 'SEARCH', 'STATUS', 'NOOP', 'IDLE'].includes(this.kind);
    if (isRead && this.#known !== '') return;
    if (isRead && program.view.exists > 0) return;
    const large = this.kind === 'FETCH BODY[]' ? LINE.repeat(LARGE_LINES) : LINE;
    for (let i = 0; i < READ_MESSAGES; i++) {
      const subject = this.#subject();
      const { status, text } = await program.append('INBOX', message(subject, large));
      if (status !== 'OK') this.#all.complaints.push(`APPEND: ${status} ${text}`);
      if (!isRead) this.#promised.set(subject, { inbox: 'once', other: 'gone' });
    }
    await this.#subjects(program, 'INBOX');
    await program.select('INBOX');
  }

  #subject(): string {
    return `${this.kind.replace(/\W+/g, '-')}-${this.#count++}`;
  }
}

function holds(promised: Copies, times: number): boolean {
  if (promised === 'once') return times === 1;
  if (promised === 'gone') return times === 0;
  return times <= 1;
}

function message(subject: string, body = LINE): string {
  return `Subject: ${subject}\r\nMessage-ID: <${subject}@lab.example>\r\n\r\n${body}`;
}

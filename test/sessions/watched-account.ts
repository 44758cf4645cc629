/**
 * One account whose mailbox is changed all the time by some sessions and by mail, while others look on in their own ways: in
 * IDLE, silent, or asking; and the comparison of what each of them believes with what a fresh session finds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { tryMail } from '../faults/smtp-try.ts';
import type { Login } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';
import type { Bed, Loss } from './bed.ts';
import { look, MailProgram } from './mail-program.ts';

/** A mailbox of so many messages is made smaller rather than larger. */
const MESSAGES_MAX = 60;
const MESSAGES_AT_FIRST = 20;
const OTHER = 'Other';
const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', 'work', 'later'];
/** Between two changes of one writer: the machine is to be busy with take-overs. */
const PAUSE_MS = 15;
/** A view is asked for again after a temporary error, so often. */
const REFRESHES_MAX = 5;

export interface ViewsFigures {
  /** Losses after which at least one account had another owner. */
  takeOvers: number;
  readonly losses: Map<Loss, number>;
  /** Over all accounts. */
  accountsTaken: number;
  /** Views that were compared, message by message. */
  compared: number;
  messagesCompared: number;
  changes: number;
  /** Commands answered NO: [UNAVAILABLE] and whatever a mailbox that others change may answer. */
  readonly refused: Map<string, number>;
  readonly complaints: string[];
  closed: number;
}

/** One account: who changes it, and who watches. */
export class WatchedAccount {
  readonly login: Login;
  readonly #bed: Bed;
  readonly #random: Prng;
  readonly #figures: ViewsFigures;
  /** Change INBOX, and bring back what was moved away. */
  #writer!: MailProgram;
  #returner!: MailProgram;
  /** Hears of changes as they come; is silent from one comparison to the next; asks for this and that. */
  #idler!: MailProgram;
  #quiet!: MailProgram;
  #reader!: MailProgram;
  #count = 0;
  #changes = 0;
  #changed: () => void = () => undefined;

  private constructor(bed: Bed, login: Login, random: Prng, figures: ViewsFigures) {
    this.#bed = bed;
    this.login = login;
    this.#random = random;
    this.#figures = figures;
  }

  static async open(
    bed: Bed,
    login: Login,
    index: number,
    random: Prng,
    figures: ViewsFigures,
  ): Promise<WatchedAccount> {
    const account = new WatchedAccount(bed, login, random, figures);
    const open = (name: string, door: number): Promise<MailProgram> =>
      MailProgram.open(bed.door(index + door), login, `${login.login} ${name}`);
    account.#writer = await open('writer', 0);
    await account.#writer.command(`CREATE ${OTHER}`);
    for (let i = 0; i < MESSAGES_AT_FIRST; i++) await account.#writer.append('INBOX', account.#message());
    account.#returner = await open('returner', 1);
    account.#idler = await open('idler', 1);
    account.#quiet = await open('quiet', 0);
    account.#reader = await open('reader', 1);
    await account.#returner.select(OTHER);
    for (const program of account.#views) await program.select('INBOX');
    return account;
  }

  get #views(): readonly MailProgram[] {
    return [this.#writer, this.#idler, this.#quiet, this.#reader];
  }

  get #all(): readonly MailProgram[] {
    return [...this.#views, this.#returner];
  }

  close(): void {
    for (const program of this.#all) program.close();
  }

  /** Changes the mailbox and looks at it, one thing after another, each of them at its own pace. */
  async work(isOver: () => boolean): Promise<void> {
    if (!this.#idler.isClosed) await this.#idler.idle();
    const turns = async (act: () => Promise<unknown>): Promise<void> => {
      while (!isOver() && !this.#isClosed) {
        await act();
        await sleep(PAUSE_MS);
      }
      this.#changed();
    };
    await Promise.all([
      turns(async () => {
        await this.#change();
        this.#changes++;
        this.#changed();
      }),
      turns(() => this.#bringBack()),
      turns(() => this.#read()),
      turns(() => this.#deliver()),
    ]);
  }

  /** Resolves when so many more changes have been answered, or when there will be none. */
  async changed(count: number): Promise<void> {
    for (const until = this.#changes + count; this.#changes < until && !this.#isClosed; )
      await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  get #isClosed(): boolean {
    return this.#all.some(({ isClosed }) => isClosed);
  }

  /** Brings every view up to date, nobody changing anything, and holds it against a fresh one. */
  async compare(): Promise<void> {
    const { complaints } = this.#figures;
    for (const program of this.#views) await this.#refreshed(program);
    const found = await look(this.#bed.door(this.#count++), this.login);
    for (const program of this.#views) {
      const wrong = program.view.compare(found);
      if (wrong.length > 0) complaints.push(`${program.name}: ${wrong.slice(0, 5).join('; ')}`);
      this.#figures.compared++;
      this.#figures.messagesCompared += found.length;
    }
    for (const program of this.#all) {
      complaints.push(...program.complaints);
      if (program.isClosed) this.#figures.closed++;
    }
  }

  async #refreshed(program: MailProgram): Promise<void> {
    for (let tries = 0; tries < REFRESHES_MAX; tries++) {
      const answer = await program.refresh();
      if (answer.status === 'OK') return;
      this.#refused('NOOP', answer.text);
    }
  }

  async #change(): Promise<void> {
    const random = this.#random;
    const { view } = this.#writer;
    const isFull = view.exists > MESSAGES_MAX;
    const kind = view.exists === 0 ? 0 : isFull ? random.between(6, 9) : random.below(10);
    const some = (): string => {
      const first = random.between(1, view.exists);
      return `${first}:${Math.min(view.exists, first + random.below(4))}`;
    };
    this.#figures.changes++;
    if (kind < 2)
      return this.#asked('APPEND', this.#writer.append('INBOX', this.#message(), random.pick(FLAGS)));
    if (kind < 5) {
      const how = random.pick(['FLAGS', '+FLAGS', '-FLAGS', '+FLAGS.SILENT']);
      // What a client stores without being told it works out for itself, which this one does not: it asks.
      const set = some();
      await this.#asked('STORE', this.#writer.command(`STORE ${set} ${how} (${random.pick(FLAGS)})`));
      if (how.endsWith('SILENT'))
        await this.#asked('FETCH', this.#writer.command(`FETCH ${set} (UID FLAGS)`));
      return;
    }
    if (kind < 6) return this.#asked('COPY', this.#writer.command(`COPY ${some()} INBOX`));
    if (kind < 8) return this.#asked('MOVE', this.#writer.command(`MOVE ${some()} ${OTHER}`));
    await this.#asked('STORE', this.#writer.command(`STORE ${some()} +FLAGS (\\Deleted)`));
    await this.#asked('EXPUNGE', this.#writer.command('EXPUNGE'));
  }

  async #bringBack(): Promise<void> {
    const { view } = this.#returner;
    if (view.exists < 5 || this.#writer.view.exists > MESSAGES_MAX / 2)
      return this.#asked('NOOP', this.#returner.command('NOOP'));
    const last = this.#random.between(1, 4);
    await this.#asked('MOVE', this.#returner.command(`MOVE 1:${last} INBOX`));
  }

  async #read(): Promise<void> {
    const { view } = this.#reader;
    const command = this.#random.pick([
      'NOOP',
      'STATUS Other (MESSAGES)',
      'SEARCH ALL',
      `FETCH 1:${Math.max(1, view.exists)} (UID FLAGS)`,
      'UID FETCH 1:* (FLAGS)',
      'FETCH 1:* (UID FLAGS BODY.PEEK[])',
    ]);
    await this.#asked(command, this.#reader.command(view.exists === 0 ? 'NOOP' : command));
  }

  async #deliver(): Promise<void> {
    if (this.#writer.view.exists > MESSAGES_MAX || !this.#random.chance(0.1)) return;
    const mark = `delivered ${this.#count++}`;
    await tryMail(this.#bed.door(this.#count, 'smtp'), { to: this.login.login, mark, body: '' });
  }

  async #asked(command: string, answering: ReturnType<MailProgram['command']>): Promise<void> {
    const { status, text } = await answering;
    if (status === 'NO') this.#refused(command, text);
    // Numbers are taken from the view: BAD is what a number that is not there is answered.
    if (status === 'BAD') this.#figures.complaints.push(`${this.login.login}: ${command}: BAD ${text}`);
  }

  #refused(command: string, text: string): void {
    const key = `${command.split(' ')[0]} ${/^\[\w+/.exec(text)?.[0] ?? text}`;
    this.#figures.refused.set(key, (this.#figures.refused.get(key) ?? 0) + 1);
  }

  #message(): string {
    return `Subject: ${this.login.login} ${this.#count++}\r\n\r\nsome words\r\n`;
  }
}

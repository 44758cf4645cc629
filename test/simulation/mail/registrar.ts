/**
 * An administrator among others who work on the same few names at once: creates, deletes, renames accounts, sets aliases
 * and settings, resolves names, and writes down what it was told (history/). Now and then it sends a message to a name, so
 * that the accounts have logs.
 */
import type { Book } from '../history/book.ts';
import { NAMES_OF_GROUP } from '../history/book.ts';
import type { Entry, History, Outcome } from '../history/history.ts';
import { Client, type ClientOptions, messageText } from './clients.ts';
import type { Reply, Request } from './door.ts';
import { DoorClient } from './door-client.ts';

/** What may be answered; the last two say something of the names. */
const ANSWERS: ReadonlySet<string> = new Set([
  'unavailable',
  'unknown',
  'no-space',
  'moved',
  'refused',
  'exists',
  'not-found',
]);

/** Below the time after which an owner does not wait for all names of a change any more, by the slowest clock. */
const LATE_MS = 7000;

export interface RegistrarOptions extends ClientOptions {
  readonly nowMs: () => number;
  /** Of the turns; where more mail is wanted than there is anyway. */
  readonly mailShare?: number | undefined;
}

export class Registrar extends Client {
  readonly #book: Book;
  readonly #name: string;
  readonly #door: DoorClient;
  readonly #nowMs: () => number;
  readonly #mailShare: number;
  #count = 0;

  constructor(options: RegistrarOptions, name: string, book: Book) {
    super(options);
    this.#book = book;
    this.#name = name;
    this.#nowMs = options.nowMs;
    this.#mailShare = options.mailShare ?? 0;
    const first = options.random.below(options.hosts.length);
    this.#door = new DoorClient(options.platform, options.hosts, first, options.note);
  }

  async run(): Promise<void> {
    while (!this.isStopped()) {
      await this.#turn();
      await this.pause();
    }
    this.#door.close();
  }

  /** Looks at everything once more, when nothing else happens: those looks are in the histories too. */
  async lookAtAll(again: (request: Request) => Promise<Reply & { kind: 'done' }>): Promise<void> {
    for (const group of this.#book.allGroups)
      for (const each of NAMES_OF_GROUP) {
        const name = group.subject + each;
        const entry = group.asks(this.#name, { kind: 'resolve', name }, this.#nowMs());
        this.#answered(entry, await again({ do: 'resolve', name }), () => true);
      }
    for (const setting of this.#book.allSettings) {
      const askedMs = this.#nowMs();
      const { value, at } = await again({ do: 'get', key: setting.subject });
      const entry = setting.asks(this.#name, { kind: 'get', at: at ?? '?' }, askedMs);
      this.#answered(entry, { kind: 'done', value }, () => true);
    }
  }

  async #turn(): Promise<void> {
    const group = this.random.pick(this.#book.groups);
    const name = this.#pickName(group);
    if (this.#mailShare > 0 && this.random.chance(this.#mailShare)) return void (await this.#deliver(name));
    const choice = this.random.unit();
    if (choice < 0.15) return this.#setting();
    if (choice < 0.2) return void (await this.#deliver(name));
    if (choice < 0.45) return this.#ask(group, { kind: 'resolve', name }, { do: 'resolve', name });
    if (choice < 0.65) return this.#ask(group, { kind: 'create', name }, { do: 'create', name });
    if (choice < 0.77) return this.#ask(group, { kind: 'delete', name }, { do: 'delete', name });
    const others = NAMES_OF_GROUP.map((each) => group.subject + each).filter((each) => each !== name);
    if (choice < 0.9) {
      const to = this.random.pick(others);
      return this.#ask(group, { kind: 'rename', name, to }, { do: 'rename', name, to });
    }
    const aliases = others.filter(() => this.random.chance(0.5));
    return this.#ask(group, { kind: 'aliases', name, aliases }, { do: 'aliases', name, aliases });
  }

  #pickName({ subject }: History): string {
    return subject + this.random.pick(NAMES_OF_GROUP);
  }

  async #ask(history: History, operation: Entry['operation'], request: Request): Promise<void> {
    const isFresh = this.beginLook();
    const entry = history.asks(this.#name, operation, this.#nowMs());
    this.#answered(entry, await this.#door.ask(request), isFresh);
  }

  async #setting(): Promise<void> {
    const setting = this.random.pick(this.#book.settings);
    const key = setting.subject;
    if (this.random.chance(0.4)) {
      const value = `${this.#name}${this.#count++}`;
      return this.#ask(setting, { kind: 'set', value }, { do: 'set', key, value });
    }
    const isFresh = this.beginLook();
    const askedMs = this.#nowMs();
    const reply = await this.#door.ask({ do: 'get', key });
    if (reply?.kind !== 'done') return;
    // Which process shows it only the answer tells.
    this.#answered(setting.asks(this.#name, { kind: 'get', at: reply.at ?? '?' }, askedMs), reply, isFresh);
  }

  /**
   * An answer that only says what there is, of an owner whose machine stood still together with its clock, may be what was
   * (see `Cluster.beginLook`): it counts as none. What was done is done by whoever says so.
   */
  #answered(entry: Entry, reply: Reply | undefined, isFresh: () => boolean): void {
    const outcome = outcomeOf(reply);
    const { kind } = entry.operation;
    const isChange = outcome.kind === 'done' && kind !== 'resolve' && kind !== 'get';
    // What is decided is answered as done after a while, also when some of its names do not show it yet.
    const isLate = isChange && this.#nowMs() - entry.askedMs >= LATE_MS;
    if (outcome.kind === 'open' || isLate || (!isChange && !isFresh())) {
      if (reply?.kind === 'failed' && !ANSWERS.has(reply.code))
        this.broken(`${JSON.stringify(entry.operation)}: ${reply.code} ${reply.why}`);
      return;
    }
    entry.outcome = outcome;
    entry.answeredMs = this.#nowMs();
  }

  async #deliver(name: string): Promise<Reply | undefined> {
    const text = messageText(`${this.#name}-${this.#count++}`, this.random.below(200));
    return this.#door.ask({ do: 'deliver', to: name, text });
  }
}

function outcomeOf(reply: Reply | undefined): Outcome {
  if (reply?.kind === 'done') return { kind: 'done', value: reply.value };
  if (reply?.kind === 'failed' && (reply.code === 'exists' || reply.code === 'not-found'))
    return { kind: reply.code };
  return { kind: 'open' };
}

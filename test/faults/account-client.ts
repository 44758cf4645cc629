/**
 * An administrator's script that makes, renames and deletes accounts, sets aliases and sends mail, and knows at every
 * moment what must be: names are its own, but for a few that all scripts try to get. Whatever got no answer it asks
 * again, and when that is refused it looks.
 */
import type { Address } from '../../src/platform/platform.ts';
import type { Prng } from '../support/prng.ts';
import { AdminSession, type Doors, logsIn, settled } from './admin-session.ts';
import { tryMail } from './smtp-try.ts';

const DOMAIN = 'lab.example';
const ACCOUNTS_MAX = 4;
const ALIASES_MAX = 3;

/** What the server has promised. */
export interface PromisedAccount {
  /** Without its domain, as all names here. */
  name: string;
  aliases: readonly string[];
  readonly password: string;
  /** Subject of a message answered 250 → tries of it that were not. */
  readonly mail: Map<string, number>;
}

/** Done, at the first try or after some that were not answered. */
type Answered = 'at-once' | 'done';

export type Operation = 'create' | 'rename' | 'aliases' | 'delete' | 'mail' | 'claim';

export class AccountClient {
  readonly accounts: PromisedAccount[] = [];
  /** Names that led to something once and must lead nowhere now, as long as no account has them again. */
  readonly released = new Set<string>();
  /** Of the names that everybody wants, those that this client was given. */
  readonly claimed = new Map<string, PromisedAccount>();
  /** Answers that no server may give, in the order in which they came. */
  readonly violations: string[] = [];
  readonly done = new Map<Operation, number>();
  /** Operations that were not answered at the first try. */
  unanswered = 0;
  readonly #id: string;
  readonly #doors: Doors;
  readonly #random: Prng;
  readonly #admin: AdminSession;
  readonly #wanted: readonly string[];
  #count = 0;
  /** Names released by operations that were answered at once: no late twin of a request can touch them. */
  readonly #reusable: string[] = [];
  /** Names in a request that was asked twice: the first one may still be under way somewhere. */
  readonly #twice = new Set<string>();

  constructor(id: string, doors: Doors, random: Prng, wanted: readonly string[]) {
    this.#id = id;
    this.#doors = doors;
    this.#random = random;
    this.#wanted = wanted;
    this.#admin = new AdminSession(doors, random.fork('admin'));
  }

  async run(enough: () => boolean): Promise<void> {
    try {
      while (!enough()) {
        const operation = this.#choose();
        await this[operation]();
        this.done.set(operation, (this.done.get(operation) ?? 0) + 1);
      }
    } finally {
      this.#admin.close();
    }
  }

  #choose(): Operation {
    if (this.accounts.length === 0) return 'create';
    const wish = this.#random.pick<Operation>([
      'create',
      'rename',
      'rename',
      'aliases',
      'aliases',
      'delete',
      'mail',
      'mail',
      'claim',
    ]);
    return wish === 'create' && this.accounts.length >= ACCOUNTS_MAX ? 'delete' : wish;
  }

  async create(): Promise<void> {
    const account = this.#newAccount(this.#newName());
    const command = `CREATEACCOUNT ${at(account.name)} {Password=${account.password};}`;
    const made = await this.#change(
      command,
      async () => (await this.#admin.look(at(account.name))) !== undefined,
    );
    if (made === 'refused') return this.#complain(command, 'refused');
    this.#keep(account, made);
  }

  async rename(): Promise<void> {
    const account = this.#random.pick(this.accounts);
    if (this.#wanted.includes(account.name)) return; // or another would get the name
    const from = account.name;
    const to = this.#newName();
    const command = `RENAMEACCOUNT ${at(from)} INTO ${at(to)}`;
    const renamed = await this.#change(
      command,
      async () =>
        (await this.#admin.look(at(to))) !== undefined && (await this.#admin.look(at(from))) === undefined,
    );
    if (renamed === 'refused') return this.#complain(command, 'refused');
    account.name = to;
    this.#use([to], renamed);
    this.#release([from], renamed);
  }

  async aliases(): Promise<void> {
    const account = this.#random.pick(this.accounts);
    const keep = account.aliases.filter((alias) => this.#wanted.includes(alias) || this.#random.chance(0.5));
    const fresh = Array.from({ length: this.#random.below(ALIASES_MAX) }, () => this.#newName());
    await this.#setAliases(account, [...keep, ...fresh]);
  }

  async delete(): Promise<void> {
    // What everybody wants is kept by whom it was given to.
    const mine = this.accounts.filter(
      ({ name, aliases }) => ![name, ...aliases].some((each) => this.#wanted.includes(each)),
    );
    if (mine.length === 0) return this.create();
    const account = this.#random.pick(mine);
    const command = `DELETEACCOUNT ${at(account.name)}`;
    const deleted = await this.#change(
      command,
      async () => (await this.#admin.look(at(account.name))) === undefined,
    );
    if (deleted === 'refused') return this.#complain(command, 'refused');
    this.accounts.splice(this.accounts.indexOf(account), 1);
    this.#release([account.name, ...account.aliases], deleted);
  }

  /** Sends until it is taken, to any of the account's names. */
  async mail(): Promise<void> {
    const account = this.#random.pick(this.accounts);
    const to = this.#random.pick([account.name, ...account.aliases]);
    const mark = `${this.#id}-mail-${this.#count++}`;
    let failed = 0;
    await settled(`mail to ${to}`, async () => {
      const reply = await tryMail(this.#frontend(), { to: at(to), mark, body: '' });
      if (reply?.startsWith('250') === true) return true;
      // Architecture, section 3, rule 5: never 550 for a known account.
      if (reply?.startsWith('5') === true) this.#complain(`mail to ${to}`, reply);
      failed++;
      return undefined;
    });
    account.mail.set(mark, failed);
  }

  /** Tries for a name that the other clients want too, as an account or as an alias: one of them may get it. */
  async claim(): Promise<void> {
    const name = this.#random.pick(this.#wanted);
    if (this.claimed.has(name)) return;
    if (this.#random.chance(0.5)) {
      const account = this.#random.pick(this.accounts);
      if (await this.#setAliases(account, [...account.aliases, name])) this.claimed.set(name, account);
      return;
    }
    const account = this.#newAccount(name);
    const command = `CREATEACCOUNT ${at(name)} {Password=${account.password};}`;
    // Refused the second time: by our own first one, or by another's?
    const made = await this.#change(command, () =>
      logsIn(this.#doors, { login: at(name), password: account.password }),
    );
    if (made === 'refused') return;
    this.#keep(account, made);
    this.claimed.set(name, account);
  }

  /** False when a name is somebody else's, which is right only for those that everybody wants. */
  async #setAliases(account: PromisedAccount, aliases: readonly string[]): Promise<boolean> {
    const command = `SETACCOUNTALIASES ${at(account.name)} (${aliases.join(',')})`;
    const wanted = [...aliases].sort().join(' ');
    const set = await this.#change(
      command,
      async () => (await this.#admin.look(at(account.name)))?.join(' ') === wanted,
    );
    if (set === 'refused') {
      if (!aliases.some((alias) => this.#wanted.includes(alias) && !account.aliases.includes(alias)))
        this.#complain(command, 'refused');
      return false;
    }
    const gone = account.aliases.filter((alias) => !aliases.includes(alias));
    account.aliases = aliases;
    this.#use(aliases, set);
    this.#release(gone, set);
    return true;
  }

  /** A refusal after a try without an answer may be that try's own work. */
  async #change(command: string, isDone: () => Promise<boolean>): Promise<Answered | 'refused'> {
    let tries = 0;
    const answer = await settled(command, () => {
      tries++;
      return this.#admin.ask(command);
    });
    if (tries > 1) this.unanswered++;
    if (answer.startsWith('200')) return tries === 1 ? 'at-once' : 'done';
    if (!/^(513|520)/.test(answer)) this.#complain(command, answer);
    return tries > 1 && (await isDone()) ? 'done' : 'refused';
  }

  #newAccount(name: string): PromisedAccount {
    return { name, aliases: [], password: `pw${this.#id}${this.#count++}`, mail: new Map() };
  }

  #newName(): string {
    if (this.#reusable.length > 0 && this.#random.chance(0.4)) return this.#reusable.shift()!;
    return `${this.#id}${this.#count++}`;
  }

  #keep(account: PromisedAccount, how: Answered): void {
    this.accounts.push(account);
    this.#use([account.name], how);
  }

  #use(names: readonly string[], how: Answered): void {
    for (const name of names) {
      this.released.delete(name);
      if (how === 'done') this.#twice.add(name);
    }
  }

  #release(names: readonly string[], how: Answered): void {
    for (const name of names) {
      this.released.add(name);
      if (how === 'at-once' && !this.#twice.has(name)) this.#reusable.push(name);
    }
  }

  #frontend(): Address {
    return this.#random.pick(this.#doors.smtp);
  }

  #complain(what: string, answer: string): void {
    this.violations.push(`${what}: ${answer}`);
  }
}

export function at(name: string): string {
  return `${name}@${DOMAIN}`;
}

/**
 * What administrators were promised or shown of names: every name is used by one account only, so each has a fate. A
 * change that was not answered is pending: its names may be as before or as after, all of them together, and once seen
 * after they never go back (docs/architecture.md, section 3 rule 5).
 */
import { Fate, Stage } from './fate.ts';

export interface AccountNames {
  /** Its object id as a key; undefined until somebody was told. */
  object: string | undefined;
  /** Present name first, then aliases; empty before the creation and after the deletion. */
  names: readonly string[];
  /** What it will be when the change that nobody answered is carried out. */
  pending: readonly string[] | undefined;
}

export interface NameRecord {
  readonly name: string;
  readonly account: AccountNames;
  readonly fate: Fate;
}

export class NameLedger {
  readonly accounts: AccountNames[] = [];
  readonly records = new Map<string, NameRecord>();
  readonly settings = new Map<string, Fate>();
  readonly #broken: (what: string) => void;
  checked = 0;

  constructor(broken: (what: string) => void) {
    this.#broken = broken;
  }

  get acknowledged(): number {
    let count = 0;
    for (const { fate } of this.records.values()) count += fate.least;
    for (const fate of this.settings.values()) count += fate.least;
    return count;
  }

  newAccount(): AccountNames {
    const account: AccountNames = { object: undefined, names: [], pending: undefined };
    this.accounts.push(account);
    return account;
  }

  /** A change is asked for that leaves the account with these names. */
  asks(account: AccountNames, names: readonly string[]): { answered(): void; refused(): void } {
    account.pending = names;
    for (const name of names) this.#record(account, name).fate.asked(Stage.present);
    for (const name of account.names)
      if (!names.includes(name)) this.#record(account, name).fate.asked(Stage.gone);
    const before = account.names;
    return {
      answered: () => {
        for (const name of names) this.#record(account, name).fate.answered(Stage.present);
        for (const name of before)
          if (!names.includes(name)) this.#record(account, name).fate.answered(Stage.gone);
        account.names = names;
        account.pending = undefined;
      },
      // Nothing has happened; that a name might still come is not forgotten by its fate, which is only less strict.
      refused: () => {
        account.pending = undefined;
      },
    };
  }

  isObject(account: AccountNames, object: string): void {
    account.object ??= object;
    if (account.object !== object) this.#broken(`one account is ${account.object} and ${object}`);
  }

  /** What a name leads to, as somebody was told; `before` is what was certain when it was asked for. */
  resolved(record: NameRecord, object: string | null, before: Stage): void {
    this.checked++;
    const problem = record.fate.seen(object !== null, before);
    if (problem !== undefined) this.#broken(`name ${record.name} ${problem}`);
    if (object !== null) this.isObject(record.account, object);
  }

  /** When nothing happens any more: what each name leads to. */
  atRest(found: ReadonlyMap<string, string | null>): void {
    for (const account of this.accounts) {
      this.checked++;
      const own = [...this.records.values()].filter((record) => record.account === account);
      const now = own.filter(({ name }) => found.get(name) !== null).map(({ name }) => name);
      const could = [account.names, ...(account.pending === undefined ? [] : [account.pending])];
      if (!could.some((names) => isSame(names, now)))
        this.#broken(
          `account ${account.object} is called [${now.join(' ')}], could be ${could.map((names) => `[${names.join(' ')}]`).join(' or ')}`,
        );
    }
  }

  setting(key: string): Fate {
    const fate = this.settings.get(key) ?? new Fate();
    this.settings.set(key, fate);
    return fate;
  }

  gotSetting(key: string, isThere: boolean, before: Stage): void {
    this.checked++;
    const problem = this.setting(key).seen(isThere, before);
    if (problem !== undefined) this.#broken(`setting ${key} ${problem}`);
  }

  #record(account: AccountNames, name: string): NameRecord {
    const known = this.records.get(name);
    if (known !== undefined) return known;
    const record = { name, account, fate: new Fate() };
    this.records.set(name, record);
    return record;
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

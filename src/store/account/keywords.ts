/**
 * The keyword sets of one mailbox, interned: a row holds the number of a set, so any number of keywords costs a message
 * nothing. Sets are counted by the messages that have them and forgotten with the last; numbers are used again.
 */
import { type FlagSet, fold, systemFlags } from './flags.ts';

interface KeywordSet {
  readonly key: string;
  /** As first written in this mailbox, sorted by their folded form. */
  readonly names: readonly string[];
  /** Messages with this set. */
  messages: number;
  /** Whole flag lists by system bits, made when first asked for. */
  readonly lists: (readonly string[])[];
}

interface Spelling {
  readonly name: string;
  /** Sets that have this keyword. */
  sets: number;
}

/** The number of the set without keywords; always there, not counted. */
export const NO_KEYWORDS = 0;

/** Numbers below one that is adopted become free, so a wrong one must not be large. */
export const ADOPTED_NUMBER_MAX = 65_535;

export class KeywordSets {
  readonly #sets: (KeywordSet | undefined)[] = [{ key: '', names: [], messages: 0, lists: [] }];
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #spellings = new Map<string, Spelling>();

  /** The number of the set of these keywords, with one message more. */
  retain(keywords: readonly string[]): number {
    if (keywords.length === 0) return NO_KEYWORDS;
    const key = keyOf(keywords);
    const number = this.#numbers.get(key) ?? this.#add(key, keywords);
    this.#set(number).messages++;
    return number;
  }

  /** One message more has a set that some message has. */
  again(number: number): void {
    if (number !== NO_KEYWORDS) this.#set(number).messages++;
  }

  /** The number of the set of these keywords, with so many messages more. */
  retainFor(keywords: readonly string[], messages: number): number {
    if (messages === 0 || keywords.length === 0) return NO_KEYWORDS;
    const number = this.retain(keywords);
    this.#set(number).messages += messages - 1;
    return number;
  }

  /** One message less has this set. */
  release(number: number): void {
    if (number === NO_KEYWORDS) return;
    const set = this.#set(number);
    if (--set.messages > 0) return;
    this.#numbers.delete(set.key);
    this.#sets[number] = undefined;
    this.#free.push(number);
    for (const name of set.names) {
      const spelling = this.#spellings.get(fold(name));
      if (spelling !== undefined && --spelling.sets === 0) this.#spellings.delete(fold(name));
    }
  }

  flagSet(bits: number, number: number): FlagSet {
    return { bits, keywords: this.#set(number).names };
  }

  /** The flags as a client sees them; the same array for the same flags. */
  flags(bits: number, number: number): readonly string[] {
    const set = this.#set(number);
    return (set.lists[bits] ??= [...systemFlags(bits), ...set.names]);
  }

  /** True when `flagSet` is what (bits, number) says, whatever the spelling. */
  same(bits: number, number: number, flagSet: FlagSet): boolean {
    return bits === flagSet.bits && this.#set(number).key === keyOf(flagSet.keywords);
  }

  /** The same flags with keywords as they are spelled here: what a record should say. */
  spelled(flagSet: FlagSet): FlagSet {
    if (flagSet.keywords.length === 0) return flagSet;
    const keywords = flagSet.keywords.map((name) => this.#spellings.get(fold(name))?.name ?? name);
    return { bits: flagSet.bits, keywords };
  }

  /** Sets by number with the messages that have them; see snapshot.ts. */
  entries(): readonly (readonly [number: number, names: readonly string[], messages: number])[] {
    return this.#sets.flatMap((set, number) =>
      set !== undefined && number !== NO_KEYWORDS ? [[number, set.names, set.messages] as const] : [],
    );
  }

  /** Takes a set as it was numbered elsewhere; the number must be free and not above ADOPTED_NUMBER_MAX. */
  adopt(number: number, names: readonly string[], messages: number): void {
    const key = keyOf(names);
    if (number > ADOPTED_NUMBER_MAX) throw new RangeError('number of a keyword set');
    if (this.#sets[number] !== undefined || this.#numbers.has(key)) throw new RangeError('keyword set twice');
    for (let free = this.#sets.length; free < number; free++) {
      this.#sets[free] = undefined;
      this.#free.push(free);
    }
    for (const name of names) {
      const spelling = this.#spellings.get(fold(name)) ?? { name, sets: 0 };
      spelling.sets++;
      this.#spellings.set(fold(name), spelling);
    }
    this.#sets[number] = { key, names, messages, lists: [] };
    this.#numbers.set(key, number);
  }

  /** Keywords in use, sorted. */
  get inUse(): readonly string[] {
    return [...this.#spellings.keys()].sort().map((key) => this.#spellings.get(key)?.name ?? key);
  }

  /** How many different keywords are in use. */
  get count(): number {
    return this.#spellings.size;
  }

  has(keyword: string): boolean {
    return this.#spellings.has(fold(keyword));
  }

  /** Messages by set, for checks of consistency. */
  counts(): ReadonlyMap<number, number> {
    return new Map(this.#sets.flatMap((set, number) => (set && number > 0 ? [[number, set.messages]] : [])));
  }

  #add(key: string, keywords: readonly string[]): number {
    const names = new Map<string, string>();
    for (const keyword of keywords) {
      const folded = fold(keyword);
      if (names.has(folded)) continue;
      const spelling = this.#spellings.get(folded) ?? { name: keyword, sets: 0 };
      spelling.sets++;
      this.#spellings.set(folded, spelling);
      names.set(folded, spelling.name);
    }
    const sorted = [...names.keys()].sort().map((folded) => names.get(folded) ?? folded);
    const number = this.#free.pop() ?? this.#sets.length;
    this.#sets[number] = { key, names: sorted, messages: 0, lists: [] };
    this.#numbers.set(key, number);
    return number;
  }

  #set(number: number): KeywordSet {
    const set = this.#sets[number];
    if (set === undefined) throw new RangeError(`no keyword set ${number}`);
    return set;
  }
}

/** Equal for sets that are equal but for case and order. A keyword holds no NUL. */
export function keyOf(keywords: readonly string[]): string {
  if (keywords.length === 0) return '';
  return [...new Set(keywords.map(fold))].sort().join('\0');
}

/**
 * The keyword sets of one mailbox, interned: a row holds the number of a set, so what a message costs does not depend on
 * its keywords, only each different set does; these are bounded in number and octets (limits.ts). Sets are counted by the
 * messages that have them and forgotten with the last; numbers are used again.
 */
import { WORD_SETS } from './columns.ts';
import { type FlagSet, fold, systemFlags } from './flags.ts';

interface KeywordSet {
  readonly key: string;
  /** As first written in this mailbox, sorted by their folded form. */
  readonly names: readonly string[];
  /** Messages with this set. */
  messages: number;
}

/** What a client sees of a flags word. */
interface FlagList {
  readonly set: KeywordSet;
  readonly flags: readonly string[];
}

interface Spelling {
  readonly name: string;
  /** Sets that have this keyword. */
  sets: number;
}

/** The number of the set without keywords; always there, not counted. */
export const NO_KEYWORDS = 0;

/** Flag lists kept, of at most so many flags words; all are dropped when there would be more. */
const FLAG_LISTS_MAX = 4096;
/** What the name of a keyword in a set takes besides its letters in the key. */
const NAME_OCTETS = 8;

/** Numbers below one that is adopted become free, so a wrong one must not be large. */
export const ADOPTED_NUMBER_MAX = 65_535;

export class KeywordSets {
  readonly #sets: (KeywordSet | undefined)[] = [{ key: '', names: [], messages: 0 }];
  /** By flags word. */
  readonly #lists = new Map<number, FlagList>();
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #spellings = new Map<string, Spelling>();
  #octets = 0;

  /** How many sets there are, the one without keywords left out. */
  get setCount(): number {
    return this.#numbers.size;
  }

  /** What all sets take, by `setOctets`. */
  get octets(): number {
    return this.#octets;
  }

  /** Whether some message has the set with this key. */
  hasSet(key: string): boolean {
    return this.#numbers.has(key);
  }

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
    this.#octets -= setOctets(set.key, set.names.length);
    this.#sets[number] = undefined;
    this.#free.push(number);
    for (const name of set.names) {
      const spelling = this.#spellings.get(fold(name));
      if (spelling !== undefined && --spelling.sets === 0) this.#spellings.delete(fold(name));
    }
  }

  /** No message is left. */
  clear(): void {
    this.#sets.length = 1;
    this.#numbers.clear();
    this.#free.length = 0;
    this.#spellings.clear();
    this.#lists.clear();
    this.#octets = 0;
  }

  flagSet(bits: number, number: number): FlagSet {
    return { bits, keywords: this.#set(number).names };
  }

  /** The flags as a client sees them; the same array for the same flags. */
  flags(bits: number, number: number): readonly string[] {
    const set = this.#set(number);
    const word = number * WORD_SETS + bits;
    const known = this.#lists.get(word);
    // The number may have been another set's.
    if (known?.set === set) return known.flags;
    if (this.#lists.size >= FLAG_LISTS_MAX) this.#lists.clear();
    const flags = [...systemFlags(bits), ...set.names];
    this.#lists.set(word, { set, flags });
    return flags;
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
    for (const name of names) this.#spell(fold(name), name);
    this.#keep(number, { key, names, messages });
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

  #add(key: string, keywords: readonly string[]): number {
    const names = new Map<string, string>();
    for (const keyword of keywords) {
      const folded = fold(keyword);
      if (!names.has(folded)) names.set(folded, this.#spell(folded, keyword));
    }
    const sorted = [...names.keys()].sort().map((folded) => names.get(folded) ?? folded);
    const number = this.#free.pop() ?? this.#sets.length;
    this.#keep(number, { key, names: sorted, messages: 0 });
    return number;
  }

  /** One set more has this keyword; gives its spelling here. */
  #spell(folded: string, name: string): string {
    const spelling = this.#spellings.get(folded) ?? { name, sets: 0 };
    spelling.sets++;
    this.#spellings.set(folded, spelling);
    return spelling.name;
  }

  #keep(number: number, set: KeywordSet): void {
    this.#sets[number] = set;
    this.#numbers.set(set.key, number);
    this.#octets += setOctets(set.key, set.names.length);
  }

  #set(number: number): KeywordSet {
    const set = this.#sets[number];
    if (set === undefined) throw new RangeError(`no keyword set ${number}`);
    return set;
  }
}

/** About what a set takes: its key, and a place for each name. */
export function setOctets(key: string, names: number): number {
  return key.length + NAME_OCTETS * names;
}

/** Equal for sets that are equal but for case and order. A keyword holds no NUL. */
export function keyOf(keywords: readonly string[]): string {
  if (keywords.length === 0) return '';
  return [...new Set(keywords.map(fold))].sort().join('\0');
}

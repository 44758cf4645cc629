/**
 * Arguments of administration commands: a command declares its parts, and from them come parser, usage and messages.
 * Arguments are objects of the text syntax separated by spaces. A word that begins with none of `" [ ( { #` goes to the
 * next space, as clients send names such as `joe+x@company.com` without quotes; keywords are words in any case.
 */
import { type Limits, readValue } from '../lib/dictionary/parse.ts';
import { isArray, isDictionary, kindOf, type Value } from '../lib/dictionary/value.ts';
import { Refusal } from './types.ts';

/** For what is read from a command line; the octets of the line are limited by the face. */
const LIMITS: Limits = { depthMax: 16, octetsMax: Number.MAX_SAFE_INTEGER };
/** No command has more. */
const TOKENS_MAX = 32;

type ValueKind = 'string' | 'array' | 'dictionary';

/** One part of a command's arguments, in order. */
export interface Part {
  /** A keyword that stands before the value, or alone. */
  readonly keyword?: string;
  /** Name of the value in usage and `Arguments`; a keyword alone has none. */
  readonly key?: string;
  readonly of?: ValueKind;
  /** The value is one of these words. */
  readonly words?: readonly string[];
  readonly optional: boolean;
}

/** A name or other string. */
export function word(key: string): Part {
  return { key, of: 'string', optional: false };
}

/** A keyword that may be given. */
export function flag(keyword: string): Part {
  return { keyword, optional: true };
}

/** A keyword and its string. */
export function keyed(keyword: string, key: string): Part {
  return { keyword, key, of: 'string', optional: false };
}

/** A word of a few, which may be left out. */
export function choice(key: string, words: readonly string[]): Part {
  return { key, of: 'string', words, optional: true };
}

export function array(key: string): Part {
  return { key, of: 'array', optional: false };
}

export function optionalWord(key: string): Part {
  return { key, of: 'string', optional: true };
}

export function dictionary(key: string): Part {
  return { key, of: 'dictionary', optional: false };
}

export function optionalDictionary(key: string): Part {
  return { key, of: 'dictionary', optional: true };
}

/** `RENAMEACCOUNT account INTO newName` */
export function usage(command: string, parts: readonly Part[]): string {
  return [command, ...parts.map(usageOf)].join(' ');
}

/** The arguments of one command, read by its parts. */
export class Arguments {
  readonly #values: ReadonlyMap<string, Value>;

  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values;
  }

  /** Whether a flag was given. */
  has(keyword: string): boolean {
    return this.#values.has(keyword);
  }

  /** A string part that is not optional. */
  text(key: string): string {
    return this.#values.get(key) as string;
  }

  optionalText(key: string): string | undefined {
    return this.#values.get(key) as string | undefined;
  }

  /** An array of strings. */
  texts(key: string): readonly string[] {
    const value = this.#values.get(key);
    const items = isArray(value) ? value : [];
    return items.map((each) => {
      if (typeof each === 'string') return each;
      throw new Refusal('syntax', `${key}: an array of strings expected, not of a ${kindOf(each)}`);
    });
  }

  /** Empty when it was left out. */
  dictionary(key: string): ReadonlyMap<string, Value> {
    const value = this.#values.get(key);
    return isDictionary(value) ? value : new Map();
  }
}

/** Reads the text behind a command's name. Throws a Refusal of reason 'syntax'. */
export function readArguments(command: string, parts: readonly Part[], text: string): Arguments {
  const tokens = tokenize(text);
  const values = new Map<string, Value>();
  let at = 0;
  for (const part of parts) {
    const taken = take(part, tokens, at);
    if (taken === undefined && !part.optional)
      throw new Refusal('syntax', expected(command, parts, part, tokens[at]));
    if (taken === undefined) continue;
    values.set(part.key ?? part.keyword ?? '', taken.value);
    at += taken.count;
  }
  const rest = tokens[at];
  if (rest !== undefined)
    throw new Refusal('syntax', `unexpected ${show(rest)}; usage: ${usage(command, parts)}`);
  return new Arguments(values);
}

interface Token {
  readonly value: Value;
  /** Written without quotes: may be a keyword. */
  readonly bare: boolean;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = skipSpaces(text, 0);
  while (at < text.length) {
    if (tokens.length >= TOKENS_MAX) throw new Refusal('syntax', `more than ${TOKENS_MAX} arguments`);
    const bare = !'"[({#'.includes(text[at] as string);
    const read = bare ? readWord(text, at) : readValue(text, at, LIMITS);
    if (read.kind !== 'value') throw new Refusal('syntax', read.kind === 'bad' ? read.why : 'incomplete');
    tokens.push({ value: read.value, bare });
    at = skipSpaces(text, read.next);
    if (at === read.next && at < text.length)
      throw new Refusal('syntax', `a space expected between arguments, at column ${at + 1}`);
  }
  return tokens;
}

function readWord(
  text: string,
  from: number,
): { readonly kind: 'value'; readonly value: string; readonly next: number } {
  let next = from;
  while (next < text.length && !isSpace(text[next])) next++;
  return { kind: 'value', value: text.slice(from, next), next };
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at])) at++;
  return at;
}

function isSpace(c: string | undefined): boolean {
  return c === ' ' || c === '\t';
}

/** The part's value and how many tokens it took; undefined when it does not stand here. */
function take(part: Part, tokens: readonly Token[], at: number): { value: Value; count: number } | undefined {
  const first = tokens[at];
  if (first === undefined) return undefined;
  if (part.keyword !== undefined) {
    if (!isKeyword(first, part.keyword)) return undefined;
    if (part.of === undefined) return { value: part.keyword, count: 1 };
    const second = tokens[at + 1];
    return second !== undefined && kindOf(second.value) === part.of
      ? { value: second.value, count: 2 }
      : undefined;
  }
  if (kindOf(first.value) !== part.of) return undefined;
  if (part.words === undefined) return { value: first.value, count: 1 };
  const chosen = part.words.find((each) => isKeyword(first, each));
  return chosen === undefined ? undefined : { value: chosen, count: 1 };
}

function isKeyword(token: Token, keyword: string): boolean {
  return token.bare && typeof token.value === 'string' && token.value.toUpperCase() === keyword.toUpperCase();
}

function expected(command: string, parts: readonly Part[], part: Part, found: Token | undefined): string {
  const instead = found === undefined ? '' : `, not ${show(found)}`;
  return `${usageOf(part)} expected${instead}; usage: ${usage(command, parts)}`;
}

/** A token in a message: never a value, which may be a password in the wrong place. */
function show(token: Token): string {
  return token.bare ? 'another word' : `a ${kindOf(token.value)}`;
}

function usageOf(part: Part): string {
  const value = part.words?.join('|') ?? VALUE_USAGE[part.of ?? 'string'](part.key ?? '');
  const text = [part.keyword, part.key === undefined ? undefined : value]
    .filter((each) => each !== undefined)
    .join(' ');
  return part.optional ? `[${text}]` : text;
}

const VALUE_USAGE: Readonly<Record<ValueKind, (key: string) => string>> = {
  string: (key) => key,
  array: (key) => `(${key}, ...)`,
  dictionary: (key) => `{${key}}`,
};

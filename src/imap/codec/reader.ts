/**
 * Reads the terminals of the IMAP grammar out of one framed command; methods are named after the rules of RFC 9051
 * section 9. A method that does not find its rule throws a SyntaxProblem, which `parseCommand` alone catches: what a
 * peer does wrong is a value for everybody outside this folder.
 */
import { isUtf8 } from 'node:buffer';
import { parseDateTime, parseDay } from './dates.ts';
import { decodeMailboxName } from './mailboxName.ts';
import type { Day, Flag, ParseContext, SequenceRange, SequenceSet } from './types.ts';
import { STAR, SYSTEM_FLAGS } from './types.ts';

/** RFC 9051 section 9, number: unsigned 32 bits. */
const NUMBER_MAX = 2 ** 32 - 1;
/** Flags of one command; a mailbox has far fewer. */
const FLAGS_MAX = 256;
/** Octets of a flag or keyword. */
const FLAG_OCTETS_MAX = 255;

export class SyntaxProblem extends Error {
  readonly status: 'BAD' | 'NO';
  readonly code: string;
  constructor(why: string, status: 'BAD' | 'NO' = 'BAD', code = '') {
    super(why);
    this.status = status;
    this.code = code;
  }
}

/** Classes of octets, one bit each. */
const ATOM = 1;
const ASTRING = 2;
const LIST = 4;
const TAG = 8;
const CLASSES = makeClasses();

const KNOWN_FLAGS = new Map(SYSTEM_FLAGS.map((flag) => [flag.toLowerCase(), flag]));

export class Reader {
  readonly context: ParseContext;
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer, context: ParseContext) {
    this.#octets = octets;
    this.context = context;
  }

  get atEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  /** Consumes one character if it is the next. */
  accept(char: string): boolean {
    if (this.#octets[this.#at] !== char.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  /** True when this character is the next; consumes nothing. */
  isAt(char: string): boolean {
    return this.#octets[this.#at] === char.charCodeAt(0);
  }

  expect(char: string): void {
    if (!this.accept(char)) throw new SyntaxProblem(char === ' ' ? 'expected a space' : `expected ${char}`);
  }

  space(): void {
    this.expect(' ');
  }

  expectEnd(): void {
    // A space before the end is sent by more than one client and means nothing.
    while (this.accept(' '));
    if (!this.atEnd) throw new SyntaxProblem('unexpected data at the end of the command');
  }

  /** True, and past the space, when arguments follow. Trailing spaces are no arguments. */
  acceptSpaceBeforeMore(): boolean {
    if (!this.isAt(' ')) return false;
    const rest = this.#octets.subarray(this.#at);
    if (rest.every((octet) => octet === 0x20)) return false;
    this.#at++;
    return true;
  }

  tag(): string {
    return this.#run(TAG, 'expected a tag');
  }

  atom(what = 'expected an atom'): string {
    return this.#run(ATOM, what);
  }

  /** An atom that is a word of the grammar, in upper case. */
  keyword(what = 'expected a keyword'): string {
    return this.atom(what).toUpperCase();
  }

  /** Consumes this word when it is next and ends there; case does not matter. */
  acceptKeyword(word: string): boolean {
    const end = this.#at + word.length;
    if (this.#octets.toString('latin1', this.#at, end).toUpperCase() !== word) return false;
    if (isIn(this.#octets[end], ATOM)) return false;
    this.#at = end;
    return true;
  }

  astring(): Buffer {
    return this.#isString() ? this.string() : Buffer.from(this.#run(ASTRING, 'expected a string'), 'latin1');
  }

  string(): Buffer {
    if (this.isAt('"')) return this.#quoted();
    if (this.isAt('{')) return this.literal();
    throw new SyntaxProblem('expected a quoted string or a literal');
  }

  nstring(): Buffer | undefined {
    if (this.#isString()) return this.string();
    if (this.acceptKeyword('NIL')) return undefined;
    throw new SyntaxProblem('expected a string or NIL');
  }

  literal(): Buffer {
    const octets = this.#literalOctets();
    // RFC 9051 section 9: a literal is of CHAR8, which is any octet but NUL; literal8 may have NULs.
    if (octets.includes(0)) throw new SyntaxProblem('NUL is not allowed in a literal');
    return octets;
  }

  /** `~{n}` of RFC 3516. */
  literal8(): Buffer {
    this.expect('~');
    return this.#literalOctets();
  }

  /** A string as text: UTF-8, of which ASCII is a part. */
  text(octets: Buffer): string {
    if (!isUtf8(octets)) throw new SyntaxProblem('text is not valid UTF-8');
    return octets.toString('utf8');
  }

  /** mailbox: decoded, `INBOX` in upper case. */
  mailbox(): string {
    const name = decodeMailboxName(this.astring(), this.context.utf8);
    // Well-formed as a command, so NO; RFC 5530 section 3: CANNOT is for names that can never be.
    if (name === undefined) throw new SyntaxProblem('not a mailbox name in this encoding', 'NO', '[CANNOT] ');
    return name;
  }

  /** list-mailbox: a name with wildcards. A pattern that is no name is kept as it is; it matches nothing. */
  listMailbox(): string {
    const octets = this.#isString()
      ? this.string()
      : Buffer.from(this.#run(LIST, 'expected a mailbox pattern'), 'latin1');
    return decodeMailboxName(octets, this.context.utf8) ?? octets.toString('latin1');
  }

  /** number: 0 … 2^32 - 1. */
  number(): number {
    const value = this.#digits(10);
    if (value > NUMBER_MAX) throw new SyntaxProblem('number too large');
    return value;
  }

  nzNumber(): number {
    const value = this.number();
    if (value === 0) throw new SyntaxProblem('0 is not allowed here');
    return value;
  }

  /** number64 and mod-sequence-value: up to 2^63 - 1; what JavaScript cannot hold exactly becomes the largest it can. */
  number64(): number {
    return Math.min(this.#digits(19), Number.MAX_SAFE_INTEGER);
  }

  sequenceSet(): SequenceSet {
    // RFC 9051 section 6.4.4.1: `$` is the saved search result.
    if (this.accept('$')) return { kind: 'saved' };
    const ranges: SequenceRange[] = [];
    do {
      const first = this.#seqNumber();
      const last = this.accept(':') ? this.#seqNumber() : first;
      ranges.push({ from: Math.min(first, last), to: Math.max(first, last) });
    } while (this.accept(','));
    return { kind: 'ranges', ranges };
  }

  /** True when a sequence set begins here. */
  isAtSequenceSet(): boolean {
    const octet = this.#octets[this.#at];
    return octet === 0x24 || octet === 0x2a || (octet !== undefined && octet >= 0x30 && octet <= 0x39);
  }

  /** flag: `\Seen` or a keyword. `\Recent` and unknown system flags cannot be set (RFC 9051 section 2.3.2). */
  flag(): Flag {
    const system = this.accept('\\');
    const flag = (system ? '\\' : '') + this.atom('expected a flag');
    if (flag.length > FLAG_OCTETS_MAX) throw new SyntaxProblem('flag too long', 'NO', '[LIMIT] ');
    if (!system) return flag;
    const known = KNOWN_FLAGS.get(flag.toLowerCase());
    if (known === undefined) throw new SyntaxProblem('no such system flag');
    return known;
  }

  /** flag-list, without duplicates; keywords are equal whatever their case. */
  flagList(): readonly Flag[] {
    const flags: Flag[] = [];
    this.list(() => flags.push(this.flag()));
    return uniqueFlags(flags);
  }

  /** Flags without parentheses, as STORE allows. */
  bareFlags(): readonly Flag[] {
    const flags = [this.flag()];
    while (this.acceptSpaceBeforeMore()) flags.push(this.flag());
    return uniqueFlags(flags);
  }

  date(): Day {
    const text = this.isAt('"') ? this.#quoted().toString('latin1') : this.atom('expected a date');
    const day = parseDay(text);
    if (day === undefined) throw new SyntaxProblem('not a date such as 1-Feb-1994');
    return day;
  }

  /** date-time, as milliseconds since 1970. */
  dateTime(): number {
    const ms = parseDateTime(this.#quoted().toString('latin1'));
    if (ms === undefined) throw new SyntaxProblem('not a date such as "01-Feb-1994 21:52:25 -0800"');
    return ms;
  }

  /** `(` element *(SP element) `)`, possibly empty. */
  list(element: () => void): void {
    this.expect('(');
    if (this.accept(')')) return;
    do element();
    while (this.accept(' ') && !this.isAt(')'));
    this.expect(')');
  }

  /** The characters up to one of `stops` or the end; for what looks like an atom but has brackets. */
  until(stops: string): string {
    const from = this.#at;
    while (!this.atEnd && !stops.includes(String.fromCharCode(this.#octets[this.#at]!))) this.#at++;
    return this.#octets.toString('latin1', from, this.#at);
  }

  #isString(): boolean {
    return this.isAt('"') || this.isAt('{');
  }

  #seqNumber(): number {
    return this.accept('*') ? STAR : this.nzNumber();
  }

  #digits(countMax: number): number {
    const from = this.#at;
    let value = 0;
    for (;;) {
      const octet = this.#octets[this.#at];
      if (octet === undefined || octet < 0x30 || octet > 0x39) break;
      value = value * 10 + (octet - 0x30);
      this.#at++;
    }
    if (this.#at === from) throw new SyntaxProblem('expected a number');
    if (this.#at - from > countMax) throw new SyntaxProblem('number too large');
    return value;
  }

  #run(characters: number, what: string): string {
    const from = this.#at;
    while (isIn(this.#octets[this.#at], characters)) this.#at++;
    if (this.#at === from) throw new SyntaxProblem(what);
    return this.#octets.toString('latin1', from, this.#at);
  }

  /** quoted; 8-bit text in it must be UTF-8 (RFC 9051 section 9, QUOTED-CHAR), which clients send before ENABLE too. */
  #quoted(): Buffer {
    this.expect('"');
    const from = this.#at;
    let escapes = 0;
    for (;;) {
      const octet = this.#octets[this.#at++];
      if (octet === 0x22) break;
      if (octet === undefined || octet === 0 || octet === 0x0d || octet === 0x0a)
        throw new SyntaxProblem('unterminated quoted string');
      if (octet !== 0x5c) continue;
      const escaped = this.#octets[this.#at++];
      if (escaped !== 0x22 && escaped !== 0x5c) throw new SyntaxProblem('bad escape in a quoted string');
      escapes++;
    }
    const raw = this.#octets.subarray(from, this.#at - 1);
    if (!isUtf8(raw)) throw new SyntaxProblem('text is not valid UTF-8');
    return escapes === 0 ? raw : unescape(raw, escapes);
  }

  #literalOctets(): Buffer {
    this.expect('{');
    const octets = this.#digits(20);
    this.accept('+');
    this.expect('}');
    if (this.#octets[this.#at] !== 0x0d || this.#octets[this.#at + 1] !== 0x0a)
      throw new SyntaxProblem('a literal must begin a new line');
    const from = this.#at + 2;
    if (from + octets > this.#octets.length) throw new SyntaxProblem('literal cut short');
    this.#at = from + octets;
    return this.#octets.subarray(from, this.#at);
  }
}

function isIn(octet: number | undefined, characters: number): boolean {
  return octet !== undefined && (CLASSES[octet]! & characters) !== 0;
}

function unescape(raw: Buffer, escapes: number): Buffer {
  const plain = Buffer.allocUnsafe(raw.length - escapes);
  let to = 0;
  for (let from = 0; from < raw.length; from++) {
    if (raw[from] === 0x5c) from++;
    plain[to++] = raw[from]!;
  }
  return plain;
}

function uniqueFlags(flags: readonly Flag[]): readonly Flag[] {
  if (flags.length > FLAGS_MAX) throw new SyntaxProblem('too many flags', 'NO', '[LIMIT] ');
  const seen = new Map<string, Flag>();
  for (const flag of flags) if (!seen.has(flag.toLowerCase())) seen.set(flag.toLowerCase(), flag);
  return [...seen.values()];
}

function makeClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (let octet = 0x21; octet < 0x7f; octet++) {
    const char = String.fromCharCode(octet);
    if ('(){"\\'.includes(char)) continue;
    const wildcard = char === '%' || char === '*';
    const bracket = char === ']';
    // RFC 9051 section 9: ASTRING-CHAR = ATOM-CHAR / "]"; list-char adds the wildcards; a tag has no "+".
    classes[octet] =
      (wildcard || bracket ? 0 : ATOM) |
      (wildcard ? 0 : ASTRING) |
      LIST |
      (wildcard || char === '+' ? 0 : TAG);
  }
  return classes;
}

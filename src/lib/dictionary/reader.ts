/**
 * The recursive descent over the object text syntax (shared facts: communigate.md, section 2.6). Gives values with their
 * places; throws a SyntaxMistake where the text is wrong. Used by parse.ts only.
 */
import { isAddress, PORT_MAX } from '../ip.ts';
import { decodeUtf8 } from '../utf8.ts';
import type { Dictionary, Value } from './value.ts';

export interface Limits {
  /** How deep arrays and dictionaries may be nested. */
  readonly depthMax: number;
  /** Octets (of UTF-8) of the whole text. */
  readonly octetsMax: number;
}

/** Files may have comments, tabs and line ends between elements, and adjacent strings join; a CLI line has spaces. */
export type Layout = 'multi-line' | 'one-line';

/** A value and where it stands, in UTF-16 units of the text. */
export interface Node {
  readonly value: Value;
  readonly start: number;
  readonly end: number;
  /** Of a dictionary, by key, in order. */
  readonly entries?: ReadonlyMap<string, Entry>;
}

export interface Entry {
  /** Where the key begins. */
  readonly start: number;
  readonly node: Node;
  /** Behind the semicolon. */
  readonly end: number;
}

/** A string may stand without quotes when it is made of these; what real clients send unquoted is read so. */
const ATOM = /[A-Za-z0-9\-_.@!#%:*+\u0080-\uffff]+/y;
/** What stands for itself in a quoted string. */
// oxlint-disable-next-line no-control-regex -- control characters are what it must not match
const PLAIN = /[^"\\\u0000-\u0008\u000a-\u001f]+/y;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DATE = /(\d\d)-(\d\d)-(\d{4})(?:_(\d\d):(\d\d):(\d\d))?(?![\w:-])/y;
const INTEGER = /-?\d+(?![\w.])/y;

/** Thrown by a Reader, caught in parse.ts. */
export class SyntaxMistake extends Error {
  readonly at: number;
  constructor(why: string, at: number) {
    super(why);
    this.at = at;
  }
}

/** Reads values from a place of a text on. */
export class Reader {
  readonly #text: string;
  readonly #limits: Limits;
  readonly #lines: boolean;
  at: number;

  constructor(text: string, from: number, limits: Limits, layout: Layout) {
    this.#text = text;
    this.at = from;
    this.#limits = limits;
    this.#lines = layout === 'multi-line';
  }

  get atEnd(): boolean {
    return this.at >= this.#text.length;
  }

  fail(why: string, at = this.at): never {
    throw new SyntaxMistake(why, at);
  }

  /** White space, and comments where they may be. */
  space(): void {
    for (;;) {
      const c = this.#text[this.at];
      if (c === ' ' || c === '\t') this.at++;
      else if (!this.#lines) return;
      else if (c === '\n' || c === '\r') this.at++;
      else if (c === '\ufeff' && this.at === 0) this.at++;
      else if (this.#next('//')) this.#lineComment();
      else if (this.#next('/*')) this.#blockComment();
      else return;
    }
  }

  value(depth: number): Node {
    const start = this.at;
    const c = this.#text[start];
    if (c === undefined) this.fail('a value expected, but the text ends');
    if (c === '{' || c === '(') {
      if (depth >= this.#limits.depthMax) this.fail(`nested deeper than ${this.#limits.depthMax} levels`);
      return c === '{' ? this.#dictionary(depth) : this.#array(depth);
    }
    const value = this.#simple(c);
    return { value, start, end: this.at };
  }

  #simple(c: string): Value {
    if (c === '"') return this.#quoted();
    if (c === '[') return this.#datablock();
    if (c === '#') return this.#typed();
    if (c === '<') this.fail('embedded XML is not supported');
    return this.#atom('a value');
  }

  #dictionary(depth: number): Node {
    const start = this.at++;
    const entries = new Map<string, Entry>();
    const value = new Map<string, Value>();
    for (;;) {
      this.space();
      if (this.#take('}')) break;
      const keyStart = this.at;
      const key = this.#key();
      if (value.has(key)) this.fail(`the key ${key} is given twice`, keyStart);
      this.space();
      this.#expect('=', `behind the key ${key}`);
      this.space();
      const node = this.value(depth + 1);
      this.space();
      this.#expect(';', `behind the value of ${key}`);
      value.set(key, node.value);
      entries.set(key, { start: keyStart, node, end: this.at });
    }
    return { value: value satisfies Dictionary, start, end: this.at, entries };
  }

  #array(depth: number): Node {
    const start = this.at++;
    const items: Value[] = [];
    this.space();
    if (this.#take(')')) return { value: items, start, end: this.at };
    for (;;) {
      this.space();
      items.push(this.value(depth + 1).value);
      this.space();
      if (this.#take(')')) return { value: items, start, end: this.at };
      this.#expect(',', 'or ) in an array');
    }
  }

  #key(): string {
    const c = this.#text[this.at];
    if (c === undefined) this.fail('} expected, but the text ends');
    if (c === '"') return this.#quoted();
    return this.#atom('a key or }');
  }

  #atom(expected: string): string {
    ATOM.lastIndex = this.at;
    const atom = ATOM.exec(this.#text)?.[0];
    // Keys and atoms never begin with #, which begins a typed value.
    if (atom === undefined || atom.startsWith('#')) this.fail(`${expected} expected`);
    if (!atom.isWellFormed()) this.fail('not well-formed Unicode');
    this.at += atom.length;
    return atom;
  }

  /** One quoted string, or in multi-line texts several that join. */
  #quoted(): string {
    let text = this.#onePiece();
    while (this.#lines) {
      const end = this.at;
      this.space();
      if (this.#text[this.at] === '"') text += this.#onePiece();
      else {
        this.at = end; // the white space is not the string's: edits leave it alone
        break;
      }
    }
    return text;
  }

  #onePiece(): string {
    const start = this.at++;
    let text = '';
    for (;;) {
      PLAIN.lastIndex = this.at;
      const plain = PLAIN.exec(this.#text)?.[0] ?? '';
      text += plain;
      this.at += plain.length;
      const c = this.#text[this.at];
      if (c === undefined) this.fail('this quoted string does not end', start);
      if (c === '"') {
        this.at++;
        if (!text.isWellFormed()) this.fail('not well-formed Unicode', start);
        return text;
      }
      if (c !== '\\') this.fail('control characters and line ends in a string are written \\e or \\nnn');
      text += this.#escape();
    }
  }

  #escape(): string {
    const c = this.#text[this.at + 1];
    const simple = c === undefined ? undefined : ESCAPES.get(c);
    if (simple !== undefined) {
      this.at += 2;
      return simple;
    }
    if (c === 'u') return this.#unicodeEscape();
    return this.#octetEscapes();
  }

  /** `\nnn`, decimal; a run of them above 127 is UTF-8. */
  #octetEscapes(): string {
    const start = this.at;
    const octets: number[] = [];
    while (this.#next('\\') && /^\d{3}$/.test(this.#text.slice(this.at + 1, this.at + 4))) {
      const octet = Number(this.#text.slice(this.at + 1, this.at + 4));
      if (octet > 255) this.fail('\\nnn goes from \\000 to \\255');
      octets.push(octet);
      this.at += 4;
    }
    if (octets.length === 0) this.fail("unknown escape; known are \\\" \\\\ \\r \\n \\t \\e \\nnn \\u'hex'");
    return decodeUtf8(Buffer.from(octets)) ?? this.fail('these \\nnn octets are not UTF-8', start);
  }

  /** `\u'1f600'` */
  #unicodeEscape(): string {
    const hex = /^\\u'([0-9a-fA-F]{1,6})'/.exec(this.#text.slice(this.at, this.at + 11))?.[1];
    const code = hex === undefined ? Number.NaN : Number.parseInt(hex, 16);
    if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff))
      this.fail("\\u'hex' needs a Unicode code point");
    this.at += 4 + (hex ?? '').length;
    return String.fromCodePoint(code);
  }

  #datablock(): Buffer {
    const pieces: Buffer[] = [];
    let end = this.at;
    do {
      const start = this.at;
      const close = this.#text.indexOf(']', start);
      if (close < 0) this.fail('this datablock does not end', start);
      const inner = this.#text.slice(start + 1, close).replaceAll(this.#lines ? /[ \t\r\n]+/g : / +/g, '');
      if (!BASE64.test(inner)) this.fail('a datablock is base64 in brackets', start);
      pieces.push(Buffer.from(inner, 'base64'));
      this.at = close + 1;
      end = this.at;
      this.space();
    } while (this.#lines && this.#text[this.at] === '[');
    this.at = end;
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  /** What begins with `#`. */
  #typed(): Value {
    const start = this.at;
    if (this.#next('#NULL#')) {
      this.at += 6;
      return null;
    }
    if (this.#next('#I[')) return this.#address();
    if (this.#next('#T')) return this.#date();
    if (this.#next('#(')) this.fail('unknown objects #(…) are not supported');
    INTEGER.lastIndex = start + 1;
    const digits = INTEGER.exec(this.#text)?.[0];
    if (digits === undefined) this.fail('known after # are #12, #T…, #I[…] and #NULL#');
    const number = Number(digits);
    if (!Number.isSafeInteger(number)) this.fail(`the number ${digits} is too large`);
    this.at = start + 1 + digits.length;
    return number === 0 ? 0 : number; // never -0
  }

  #address(): Value {
    const start = this.at;
    const close = this.#text.indexOf(']', start);
    const host = this.#text.slice(start + 3, close);
    if (close < 0 || !isAddress(host)) this.fail('an address is written #I[192.0.2.1]:25', start);
    this.at = close + 1;
    if (this.#text[this.at] !== ':') return { kind: 'address', host, port: undefined };
    const digits = /^\d{1,5}(?!\d)/.exec(this.#text.slice(this.at + 1, this.at + 7))?.[0];
    const port = Number(digits ?? Number.NaN);
    if (digits === undefined || port > PORT_MAX) this.fail(`a port is 0 to ${PORT_MAX}`);
    this.at += 1 + digits.length;
    return { kind: 'address', host, port };
  }

  #date(): Value {
    DATE.lastIndex = this.at + 2;
    const found = DATE.exec(this.#text);
    if (found === null) this.fail('a date is written #T22-10-2009 or #T22-10-2009_15:24:45');
    const [day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0] = found
      .slice(1)
      .map((digits) => Number(digits ?? 0));
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    date.setUTCHours(hour, minute, second);
    const real = date.getUTCDate() === day && date.getUTCMonth() === month - 1;
    if (!real || hour > 23 || minute > 59 || second > 59) this.fail('there is no such date');
    this.at += 2 + found[0].length;
    return { kind: 'date', ms: date.getTime(), dayOnly: found[4] === undefined };
  }

  #lineComment(): void {
    while (!this.atEnd && this.#text[this.at] !== '\n' && this.#text[this.at] !== '\r') this.at++;
  }

  #blockComment(): void {
    const end = this.#text.indexOf('*/', this.at + 2);
    if (end < 0) this.fail('this comment does not end');
    this.at = end + 2;
  }

  #next(text: string): boolean {
    return this.#text.startsWith(text, this.at);
  }

  #take(c: string): boolean {
    if (this.#text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  #expect(c: string, where: string): void {
    if (!this.#take(c)) this.fail(`${c} expected ${where}${this.atEnd ? ', but the text ends' : ''}`);
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['r', '\r'],
  ['n', '\n'],
  ['t', '\t'],
  ['e', '\n'], // the system's end of line: LF on every system this runs on
]);

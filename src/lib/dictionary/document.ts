/**
 * A dictionary file that people write and programs change: comments, order and spacing stay. A document is its text and
 * where each entry stands in it; an edit replaces the octets of one value, adds one line or removes one entry, and
 * nothing else. Documents do not change: an edit gives a new one. After an edit the text is read again, so what a
 * document says of itself is always what a reader of the file would find.
 */
import { formatLines, formatString } from './format.ts';
import {
  type Entry,
  FILE_LIMITS,
  type Limits,
  type Mistake,
  type Node,
  parse,
  positionOf,
  skipSpace,
} from './parse.ts';
import { type Dictionary, isDictionary, type Value } from './value.ts';

/** The keys that lead to an entry, outermost first; never empty. */
export type Path = readonly [string, ...string[]];

export interface Document {
  /** The file, exactly. */
  readonly text: string;
  readonly value: Dictionary;
  get(path: Path): Value | undefined;
  /** Line and column (from 1) of the key; undefined when there is no such entry. */
  position(path: Path): { readonly line: number; readonly column: number } | undefined;
  /** Replaces a value, or adds an entry behind the last one of its dictionary, which must be there. */
  set(path: Path, value: Value): Document;
  /** Removes an entry, with its line when it has that for itself. Comments stay. */
  delete(path: Path): Document;
}

/** Reads a file that holds one dictionary. An empty one, or one of comments only, is an empty dictionary. */
export function parseDocument(input: string | Buffer, limits: Limits = FILE_LIMITS): Document | Mistake {
  const parsed = parse(input, limits);
  const text = typeof input === 'string' ? input : input.toString('utf8');
  if (parsed.kind === 'bad') {
    const nothing = Buffer.byteLength(text) <= limits.octetsMax && skipSpace(text, 0) === text.length;
    return nothing ? new TextDocument(text, undefined, limits) : parsed;
  }
  if (parsed.node.entries === undefined)
    return { kind: 'bad', why: 'a dictionary { … } expected', ...positionOf(text, parsed.node.start) };
  return new TextDocument(text, parsed.node, limits);
}

/** A new file. */
export function newDocument(value: Dictionary): Document {
  const document = parseDocument(`${formatLines(value)}\n`);
  if ('kind' in document) throw new RangeError(`cannot be written: ${document.why}`);
  return document;
}

class TextDocument implements Document {
  readonly text: string;
  /** Undefined in a file without a dictionary. */
  readonly #root: Node | undefined;
  readonly #limits: Limits;

  constructor(text: string, root: Node | undefined, limits: Limits) {
    this.text = text;
    this.#root = root;
    this.#limits = limits;
  }

  get value(): Dictionary {
    const value = this.#root?.value;
    return isDictionary(value) ? value : new Map();
  }

  get(path: Path): Value | undefined {
    return this.#find(path)?.node.value;
  }

  position(path: Path): { readonly line: number; readonly column: number } | undefined {
    const entry = this.#find(path);
    return entry === undefined ? undefined : positionOf(this.text, entry.start);
  }

  set(path: Path, value: Value): Document {
    const entry = this.#find(path);
    if (entry !== undefined) {
      const written = formatLines(value, marginOf(this.text, entry.start));
      return this.#with(entry.node.start, entry.node.end, written);
    }
    if (this.#root === undefined) return this.#begin(path, value);
    const parent = path.length === 1 ? this.#root : this.#find(path.slice(0, -1) as unknown as Path)?.node;
    if (parent?.entries === undefined) throw new RangeError(`no dictionary to add ${path.join('/')} to`);
    return this.#add(parent, path.at(-1) as string, value);
  }

  delete(path: Path): Document {
    const entry = this.#find(path);
    if (entry === undefined) return this;
    const { text } = this;
    const lineStart = startOfLine(text, entry.start);
    const lineEnd = endOfLine(text, entry.end);
    const alone = isBlank(text.slice(lineStart, entry.start)) && isBlank(text.slice(entry.end, lineEnd));
    // A file of one line has nothing before and behind its entry but braces, which are not blank.
    return alone ? this.#with(lineStart, lineEnd, '') : this.#with(entry.start, entry.end, '');
  }

  #find(path: Path): Entry | undefined {
    let node = this.#root;
    let entry: Entry | undefined;
    for (const key of path) {
      entry = node?.entries?.get(key);
      node = entry?.node;
    }
    return entry;
  }

  #begin(path: Path, value: Value): Document {
    if (path.length !== 1) throw new RangeError(`no dictionary to add ${path.join('/')} to`);
    const gap = this.text === '' || /[\r\n]$/.test(this.text) ? '' : '\n';
    return this.#with(
      this.text.length,
      this.text.length,
      `${gap}${formatLines(new Map([[path[0], value]]))}\n`,
    );
  }

  #add(parent: Node, key: string, value: Value): Document {
    const { text } = this;
    const last = [...(parent.entries?.values() ?? [])].at(-1);
    if (last === undefined) return this.#addFirst(parent, key, value);
    const margin = marginOf(text, last.start);
    const entry = `${formatString(key)} = ${formatLines(value, margin)};`;
    // Behind a comment that ends the last entry's line, when the dictionary ends below that line.
    const lineEnd = endOfLine(text, last.end);
    const rest = text.slice(last.end, lineEnd);
    const below =
      lineEnd < parent.end &&
      /^[ \t]*(?:\/\/[^\r\n]*|\/\*(?:(?!\*\/).)*\*\/[ \t]*)?(?:\r\n|\r|\n)$/.test(rest);
    if (below) return this.#with(lineEnd, lineEnd, `${margin}${entry}${/\r?\n?$/.exec(rest)?.[0] ?? '\n'}`);
    return this.#with(last.end, last.end, ` ${entry}`);
  }

  #addFirst(parent: Node, key: string, value: Value): Document {
    const margin = `${marginOf(this.text, parent.start)}  `;
    const entry = `${formatString(key)} = ${formatLines(value, margin)};`;
    const inside = this.text.slice(parent.start + 1, parent.end - 1);
    const at = parent.start + 1;
    // Between the braces there may be comments: they stay, below the new entry.
    const gap = isBlank(inside) ? `\n${margin.slice(2)}` : '';
    const end = isBlank(inside) ? parent.end - 1 : at;
    return this.#with(at, end, `\n${margin}${entry}${gap}`);
  }

  #with(start: number, end: number, written: string): Document {
    const text = this.text.slice(0, start) + written + this.text.slice(end);
    const document = parseDocument(text, this.#limits);
    if ('kind' in document)
      throw new RangeError(`the edit makes a text that cannot be read: ${document.why}`);
    return document;
  }
}

/** The white space that the line of an index begins with. */
function marginOf(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(startOfLine(text, at), at))?.[0] ?? '';
}

function startOfLine(text: string, at: number): number {
  return Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1;
}

/** Behind the line end that follows an index. */
function endOfLine(text: string, at: number): number {
  const found = /\r\n|\r|\n/g;
  found.lastIndex = at;
  return found.exec(text) === null ? text.length : found.lastIndex;
}

function isBlank(text: string): boolean {
  return /^[ \t\r\n]*$/.test(text);
}

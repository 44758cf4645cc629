/**
 * SEARCH (RFC 9051 section 6.4.4) with RFC 3501's keys, WITHIN (RFC 5032), MODSEQ (RFC 7162), EMAILID (RFC 8474).
 * Nesting and number of keys are bounded, so the recursion here and in the evaluation is too.
 */
import { isUtf8 } from 'node:buffer';
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, SearchKey, SearchReturnOption } from '../types.ts';
import { DATE_SEARCH_KEYS, FLAG_SEARCH_KEYS, SEARCH_RETURN_OPTIONS, TEXT_SEARCH_KEYS } from '../types.ts';

/** Parentheses, NOT and OR within each other. */
const DEPTH_MAX = 50;
/** Keys of one command. */
const KEYS_MAX = 1000;
/** RFC 9051 section 6.4.4: US-ASCII and UTF-8 must be known; both are UTF-8 to us. */
const CHARSETS: readonly string[] = ['US-ASCII', 'ASCII', 'UTF-8', 'UTF8'];

/** search = "SEARCH" [search-return-opts] SP search-program */
export function parseSearch(reader: Reader, uid: boolean): Command {
  reader.space();
  let returns: Set<SearchReturnOption> | undefined;
  if (reader.acceptKeyword('RETURN')) {
    reader.space();
    returns = returnOptions(reader);
    reader.space();
  }
  if (reader.acceptKeyword('CHARSET')) {
    reader.space();
    // RFC 9051 section 6.4.4: NO, with the charsets that are known.
    if (!CHARSETS.includes(reader.astring().toString('latin1').toUpperCase()))
      throw new SyntaxProblem('charset not supported', 'NO', '[BADCHARSET (US-ASCII UTF-8)] ');
    reader.space();
  }
  return { name: 'SEARCH', uid, returns, key: new KeyParser(reader).all() };
}

/** `RETURN ()` means ALL (RFC 9051 section 6.4.4). */
function returnOptions(reader: Reader): Set<SearchReturnOption> {
  const options = new Set<SearchReturnOption>();
  reader.list(() => {
    const word = reader.keyword('expected a result option');
    const option = SEARCH_RETURN_OPTIONS.find((known) => known === word);
    if (option === undefined) throw new SyntaxProblem('unknown result option');
    options.add(option);
  });
  return options.size === 0 ? new Set(['ALL']) : options;
}

class KeyParser {
  readonly #reader: Reader;
  #count = 0;
  #depth = 0;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** search-key *(SP search-key) */
  all(): SearchKey {
    const keys = [this.key()];
    while (this.#reader.acceptSpaceBeforeMore()) keys.push(this.key());
    return keys.length === 1 ? keys[0]! : { kind: 'AND', keys };
  }

  key(): SearchKey {
    if (++this.#count > KEYS_MAX) throw new SyntaxProblem('too many search keys', 'NO', '[LIMIT] ');
    if (++this.#depth > DEPTH_MAX) throw new SyntaxProblem('search keys nested too deep', 'NO', '[LIMIT] ');
    const key = this.#one();
    this.#depth--;
    return key;
  }

  #one(): SearchKey {
    const reader = this.#reader;
    if (reader.isAt('(')) {
      const keys: SearchKey[] = [];
      reader.list(() => keys.push(this.key()));
      if (keys.length === 0) throw new SyntaxProblem('expected a search key');
      return { kind: 'AND', keys };
    }
    if (reader.isAtSequenceSet()) return { kind: 'SEQUENCE', set: reader.sequenceSet() };
    const word = reader.keyword('expected a search key');
    const flagKey = FLAG_SEARCH_KEYS.find((known) => known === word);
    if (flagKey !== undefined) return { kind: flagKey };
    reader.space();
    return this.#withArguments(word);
  }

  #withArguments(word: string): SearchKey {
    const reader = this.#reader;
    const textKey = TEXT_SEARCH_KEYS.find((known) => known === word);
    if (textKey !== undefined) return { kind: textKey, text: this.#text() };
    const dateKey = DATE_SEARCH_KEYS.find((known) => known === word);
    if (dateKey !== undefined) return { kind: dateKey, day: reader.date() };
    switch (word) {
      case 'KEYWORD':
      case 'UNKEYWORD':
        return { kind: word, flag: reader.atom('expected a keyword') };
      case 'LARGER':
      case 'SMALLER':
        return { kind: word, octets: reader.number64() };
      case 'OLDER':
      case 'YOUNGER':
        return { kind: word, seconds: reader.nzNumber() };
      case 'HEADER': {
        const field = reader.text(reader.astring());
        reader.space();
        return { kind: 'HEADER', field, text: this.#text() };
      }
      case 'MODSEQ':
        return { kind: 'MODSEQ', modseq: this.#modseq() };
      case 'EMAILID':
      case 'THREADID':
        return { kind: word, id: reader.atom('expected an object id') };
      case 'UID':
        return { kind: 'UID', set: reader.sequenceSet() };
      case 'NOT':
        return { kind: 'NOT', key: this.key() };
      case 'OR': {
        const left = this.key();
        reader.space();
        return { kind: 'OR', left, right: this.key() };
      }
      default:
        throw new SyntaxProblem('unknown search key');
    }
  }

  /** astring in the command's charset. */
  #text(): string {
    const octets = this.#reader.astring();
    if (!isUtf8(octets)) throw new SyntaxProblem('search text is not valid in its charset');
    return octets.toString('utf8');
  }

  /** search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer (RFC 7162 section 7). */
  #modseq(): number {
    const reader = this.#reader;
    if (reader.isAt('"')) {
      // Entry name and type: "/flags/\\draft" all. Our modseq covers all flags together (RFC 7162 section 3.1.5).
      reader.string();
      reader.space();
      const type = reader.keyword('expected an entry type');
      if (!['PRIV', 'SHARED', 'ALL'].includes(type)) throw new SyntaxProblem('unknown entry type');
      reader.space();
    }
    return reader.number64();
  }
}

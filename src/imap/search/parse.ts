/**
 * The keys of one SEARCH (RFC 9051 section 9, search-program). Nesting and number of keys are bounded, so the recursion
 * here and in the evaluation is too.
 */
import { isUtf8 } from 'node:buffer';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import type { KeyArguments } from './key.ts';
import { type SearchKey, searchKeyOfWord } from './table.ts';

/** Parentheses, NOT and OR within each other. */
const DEPTH_MAX = 50;
/** Keys of one command. */
const KEYS_MAX = 1000;

/** search-key *(SP search-key) */
export function searchKeys(reader: Reader): SearchKey {
  return new KeyParser(reader).all();
}

class KeyParser implements KeyArguments {
  readonly reader: Reader;
  #count = 0;
  #depth = 0;

  constructor(reader: Reader) {
    this.reader = reader;
  }

  all(): SearchKey {
    const keys = [this.key()];
    while (this.reader.acceptSpaceBeforeMore()) keys.push(this.key());
    return keys.length === 1 ? keys[0]! : { kind: 'AND', keys };
  }

  key(): SearchKey {
    if (++this.#count > KEYS_MAX) throw new SyntaxProblem('too many search keys', 'NO', '[LIMIT] ');
    if (++this.#depth > DEPTH_MAX) throw new SyntaxProblem('search keys nested too deep', 'NO', '[LIMIT] ');
    const key = this.#one();
    this.#depth--;
    return key;
  }

  text(): string {
    const octets = this.reader.astring();
    if (!isUtf8(octets)) throw new SyntaxProblem('search text is not valid in its charset');
    return octets.toString('utf8');
  }

  #one(): SearchKey {
    const { reader } = this;
    if (reader.isAt('(')) {
      const keys: SearchKey[] = [];
      reader.list(() => keys.push(this.key()));
      if (keys.length === 0) throw new SyntaxProblem('expected a search key');
      return { kind: 'AND', keys };
    }
    if (reader.isAtSequenceSet()) return { kind: 'SEQUENCE', set: reader.sequenceSet() };
    const spec = searchKeyOfWord(reader.keyword('expected a search key'));
    if (spec === undefined) throw new SyntaxProblem('unknown search key');
    if (spec.parse === undefined) return { kind: spec.kind } as SearchKey;
    reader.space();
    return spec.parse(this);
  }
}

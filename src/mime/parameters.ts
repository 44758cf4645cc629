/**
 * Values with parameters: Content-Type (RFC 2045 section 5.1) and Content-Disposition (RFC 2183). Parameters are given as
 * they stand: RFC 2231 continuations and charsets (`name*0*=`) are the client's to put together (RFC 9051 section 7.5.2).
 */
import { PARAMETERS_MAX } from './limits.ts';
import { Tokens } from './tokens.ts';

/** Name and value, one octet a character. */
export type Parameter = readonly [name: string, value: string];

export interface ContentType {
  /** As written; compare without case. */
  readonly type: string;
  readonly subtype: string;
  readonly parameters: readonly Parameter[];
}

export interface Disposition {
  readonly disposition: string;
  readonly parameters: readonly Parameter[];
}

/** RFC 2045 section 5.1: tspecials end a token. */
const SPECIALS = '()<>@,;:\\"/[]?=';

/** Undefined when there is no `type/subtype` (RFC 2045 section 5.2: then text/plain is meant). */
export function parseContentType(value: string): ContentType | undefined {
  const tokens = new Tokens(value);
  tokens.cfws();
  const type = tokens.run(SPECIALS);
  tokens.cfws();
  if (type === '' || !tokens.accept('/')) return undefined;
  tokens.cfws();
  const subtype = tokens.run(SPECIALS);
  return subtype === '' ? undefined : { type, subtype, parameters: parameters(tokens) };
}

export function parseDisposition(value: string): Disposition | undefined {
  const tokens = new Tokens(value);
  tokens.cfws();
  const disposition = tokens.run(SPECIALS);
  return disposition === '' ? undefined : { disposition, parameters: parameters(tokens) };
}

/** Words separated by commas: Content-Language (RFC 3282). */
export function parseWords(value: string): readonly string[] {
  const tokens = new Tokens(value);
  const words: string[] = [];
  while (!tokens.atEnd && words.length < PARAMETERS_MAX) {
    tokens.cfws();
    const word = tokens.run('(),;');
    if (word !== '') words.push(word);
    else tokens.skip();
  }
  return words;
}

/** The value of a parameter by name, whatever its case. */
export function parameter(list: readonly Parameter[], name: string): string | undefined {
  return list.find(([candidate]) => candidate.toLowerCase() === name)?.[1];
}

/** *(";" parameter): what is no parameter is skipped up to the next semicolon. */
function parameters(tokens: Tokens): readonly Parameter[] {
  const list: Parameter[] = [];
  while (!tokens.atEnd && list.length < PARAMETERS_MAX) {
    tokens.cfws();
    if (tokens.accept(';')) continue;
    const name = tokens.run(SPECIALS);
    tokens.cfws();
    if (name !== '' && tokens.accept('=')) {
      tokens.cfws();
      // Unquoted values with tspecials ("name=a[1].txt", "boundary=a=b") are common; only these ends are certain.
      list.push([name, tokens.char === '"' ? tokens.quoted() : tokens.run(';"')]);
    } else if (name === '') tokens.skip();
  }
  return list;
}

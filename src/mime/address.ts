/**
 * Address lists (RFC 5322 section 3.4) with groups, comments and the obsolete forms of section 4.4 (routes, empty
 * elements, dots in phrases), as ENVELOPE needs them: names stay as written, encoded words included. Read in one pass;
 * what makes no sense is passed over up to the next comma. One octet a character (latin1).
 */
import { ADDRESSES_MAX } from './limits.ts';
import { Tokens } from './tokens.ts';

/** RFC 9051 section 7.5.2: an address, or the begin (name in `mailbox`, no host) or the end (neither) of a group. */
export interface Address {
  readonly name: string | undefined;
  /** obs-route: `@one,@two`. */
  readonly route: string | undefined;
  readonly mailbox: string | undefined;
  readonly host: string | undefined;
}

/** Stands for a domain that is missing: NIL would say that a group begins. */
const MISSING_HOST = 'MISSING_DOMAIN';
const GROUP_END: Address = { name: undefined, route: undefined, mailbox: undefined, host: undefined };

const SPECIALS = '()<>[]:;@\\,"';

export function parseAddresses(value: string): readonly Address[] {
  const tokens = new Tokens(value);
  const addresses: Address[] = [];
  let inGroup = false;
  while (!tokens.atEnd && addresses.length < ADDRESSES_MAX) {
    const words = readWords(tokens);
    if (tokens.accept(':')) {
      // A group in a group cannot be; the inner name is dropped and its members belong to the outer one.
      if (!inGroup) addresses.push({ ...GROUP_END, mailbox: words.text });
      inGroup = true;
      continue;
    }
    const address = readAddress(tokens, words);
    if (address !== undefined) {
      addresses.push(address);
      skipToSeparator(tokens);
    }
    if (inGroup && tokens.char === ';') {
      addresses.push(GROUP_END);
      inGroup = false;
    }
    // The separator, or something that cannot be here.
    tokens.skip();
  }
  if (inGroup) addresses.push(GROUP_END);
  return addresses;
}

/** What stands behind an address and is none; `;` separates too, as some clients write it. */
function skipToSeparator(tokens: Tokens): void {
  for (;;) {
    readWords(tokens);
    if (tokens.atEnd || tokens.char === ',' || tokens.char === ';') return;
    tokens.skip();
  }
}

/** Words up to a special: a display name, a group's name, or a local part. */
interface Words {
  /** Joined by single spaces as in a phrase, quotes taken off. */
  readonly text: string;
  /** Joined as in a local part, where white space around dots means nothing (RFC 5322 section 4.4). */
  readonly localPart: string;
  readonly comment: string | undefined;
}

function readWords(tokens: Tokens): Words {
  const words: string[] = [];
  let comment: string | undefined;
  for (;;) {
    comment = tokens.cfws() ?? comment;
    const isQuoted = tokens.char === '"';
    const word = isQuoted ? tokens.quoted() : tokens.run(SPECIALS);
    if (word !== '') words.push(word);
    // A special that is no quote, or the end: the caller knows what it means.
    else if (!isQuoted) break;
  }
  return { text: words.join(' '), localPart: words.join(''), comment };
}

function readAddress(tokens: Tokens, words: Words): Address | undefined {
  if (tokens.accept('<')) return readAngle(tokens, words);
  if (tokens.accept('@')) {
    const host = readDomain(tokens);
    const comment = tokens.cfws() ?? words.comment;
    return { name: comment, route: undefined, mailbox: words.localPart, host: host || MISSING_HOST };
  }
  if (words.text === '') return undefined;
  // "root": a local part alone. Several words and no address ("Undisclosed recipients") are kept in one piece.
  return { name: words.comment, route: undefined, mailbox: words.text, host: MISSING_HOST };
}

/** angle-addr, behind its "<" */
function readAngle(tokens: Tokens, words: Words): Address {
  const route = readRoute(tokens);
  const local = readWords(tokens);
  const host = tokens.accept('@') ? readDomain(tokens) : '';
  tokens.cfws();
  while (!tokens.atEnd && !'>,;'.includes(tokens.char)) tokens.skip();
  tokens.accept('>');
  const comment = tokens.cfws();
  const name = words.text === '' ? (comment ?? words.comment) : words.text;
  // "<>" is the empty reverse-path: an address of which nothing is known.
  return { name, route, mailbox: local.localPart, host: host || MISSING_HOST };
}

/** obs-route = obs-domain-list ":" */
function readRoute(tokens: Tokens): string | undefined {
  const domains: string[] = [];
  tokens.cfws();
  while (tokens.accept('@')) {
    domains.push(`@${readDomain(tokens)}`);
    tokens.cfws();
    while (tokens.accept(',')) tokens.cfws();
  }
  tokens.accept(':');
  return domains.length === 0 ? undefined : domains.join(',');
}

/** dot-atom, domain-literal or obs-domain: white space and comments between the parts mean nothing. */
function readDomain(tokens: Tokens): string {
  let domain = '';
  for (;;) {
    // A comment that ends the address is its name; only look over it when the domain goes on.
    const before = tokens.save();
    tokens.cfws();
    const part = tokens.char === '[' ? tokens.domainLiteral() : tokens.run(SPECIALS);
    if (part === '' || (domain !== '' && !domain.endsWith('.') && !part.startsWith('.'))) {
      tokens.restore(before);
      return domain;
    }
    domain += part;
  }
}

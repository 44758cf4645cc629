/**
 * One framed command to a value (RFC 9051 section 9, command). The table is the one place that says which commands
 * exist; each rule begins behind the command's name and must leave the reader at the end. Whether a command is allowed
 * now is the session's affair.
 */
import { parseAppend } from './parse/append.ts';
import { parseAuthenticate, parseEnable, parseId, parseLogin } from './parse/connection.ts';
import { parseFetch } from './parse/fetch.ts';
import { parseList, parseLsub } from './parse/list.ts';
import {
  parseCopy,
  parseCreate,
  parseMailbox,
  parseRename,
  parseSelect,
  parseStatus,
} from './parse/mailbox.ts';
import { parseSearch } from './parse/search.ts';
import { parseStore } from './parse/store.ts';
import { Reader, SyntaxProblem } from './reader.ts';
import type { Command, CommandName, ParseContext, Parsed } from './types.ts';

interface Rule {
  readonly parse: (reader: Reader) => Command;
  /** The UID form; absent when there is none. */
  readonly parseUid?: (reader: Reader) => Command;
}

const RULES = {
  CAPABILITY: { parse: () => ({ name: 'CAPABILITY' }) },
  NOOP: { parse: () => ({ name: 'NOOP' }) },
  LOGOUT: { parse: () => ({ name: 'LOGOUT' }) },
  STARTTLS: { parse: () => ({ name: 'STARTTLS' }) },
  NAMESPACE: { parse: () => ({ name: 'NAMESPACE' }) },
  IDLE: { parse: () => ({ name: 'IDLE' }) },
  CHECK: { parse: () => ({ name: 'CHECK' }) },
  CLOSE: { parse: () => ({ name: 'CLOSE' }) },
  UNSELECT: { parse: () => ({ name: 'UNSELECT' }) },
  LOGIN: { parse: parseLogin },
  AUTHENTICATE: { parse: parseAuthenticate },
  ENABLE: { parse: parseEnable },
  ID: { parse: parseId },
  SELECT: { parse: (reader) => parseSelect(reader, 'SELECT') },
  EXAMINE: { parse: (reader) => parseSelect(reader, 'EXAMINE') },
  CREATE: { parse: parseCreate },
  DELETE: { parse: (reader) => parseMailbox(reader, 'DELETE') },
  SUBSCRIBE: { parse: (reader) => parseMailbox(reader, 'SUBSCRIBE') },
  UNSUBSCRIBE: { parse: (reader) => parseMailbox(reader, 'UNSUBSCRIBE') },
  RENAME: { parse: parseRename },
  LIST: { parse: parseList },
  LSUB: { parse: parseLsub },
  STATUS: { parse: parseStatus },
  APPEND: { parse: parseAppend },
  EXPUNGE: {
    parse: () => ({ name: 'EXPUNGE', uids: undefined }),
    parseUid: (reader) => {
      reader.space();
      return { name: 'EXPUNGE', uids: reader.sequenceSet() };
    },
  },
  SEARCH: {
    parse: (reader) => parseSearch(reader, false),
    parseUid: (reader) => parseSearch(reader, true),
  },
  FETCH: { parse: (reader) => parseFetch(reader, false), parseUid: (reader) => parseFetch(reader, true) },
  STORE: { parse: (reader) => parseStore(reader, false), parseUid: (reader) => parseStore(reader, true) },
  COPY: {
    parse: (reader) => parseCopy(reader, 'COPY', false),
    parseUid: (reader) => parseCopy(reader, 'COPY', true),
  },
  MOVE: {
    parse: (reader) => parseCopy(reader, 'MOVE', false),
    parseUid: (reader) => parseCopy(reader, 'MOVE', true),
  },
} as const satisfies Record<CommandName, Rule>;

/** Every command the parser knows. */
export const COMMAND_NAMES = Object.keys(RULES) as readonly CommandName[];

/** Parses the octets of a `command` frame, which must not be written to afterwards. */
export function parseCommand(octets: Buffer, context: ParseContext): Parsed {
  const reader = new Reader(octets, context);
  let tag: string | undefined;
  try {
    tag = reader.tag();
    reader.space();
    const command = parseNamed(reader);
    reader.expectEnd();
    return { kind: 'command', tag, command };
  } catch (problem) {
    if (!(problem instanceof SyntaxProblem)) throw problem;
    return { kind: 'bad', tag, status: problem.status, code: problem.code, why: problem.message };
  }
}

function parseNamed(reader: Reader): Command {
  const word = reader.keyword('expected a command');
  const uid = word === 'UID';
  if (uid) reader.space();
  const rule = ruleOf(uid ? reader.keyword('expected a command') : word);
  const parse = uid ? rule?.parseUid : rule?.parse;
  if (parse === undefined) throw new SyntaxProblem('unknown command');
  return parse(reader);
}

function ruleOf(name: string): Rule | undefined {
  return Object.hasOwn(RULES, name) ? RULES[name as CommandName] : undefined;
}

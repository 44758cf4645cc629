/**
 * POP3 commands (RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856): one table says what a command takes and in which
 * state it is given; a line becomes a value or a reason. No I/O.
 *
 * Decisions: arguments are parted by one space, as the grammar has it (RFC 2449 section 4), and spaces at the end of a
 * line are passed over but for PASS, whose argument is the rest of the line as it stands (RFC 1939 section 7); USER and
 * PASS are UTF-8 (RFC 6856 section 2.2 for their strings, whatever the mode).
 */
import { decodeUtf8 } from '../../lib/utf8.ts';

export type State = 'AUTHORIZATION' | 'TRANSACTION';

export type Command =
  | { readonly name: 'CAPA' | 'NOOP' | 'STLS' }
  | { readonly name: 'QUIT' | 'RSET' | 'STAT' }
  | { readonly name: 'USER'; readonly user: string }
  | { readonly name: 'PASS'; readonly password: string }
  | { readonly name: 'AUTH'; readonly mechanism: string; readonly initialResponse: string | undefined }
  | { readonly name: 'LIST' | 'UIDL'; readonly number: number | undefined }
  | { readonly name: 'RETR' | 'DELE'; readonly number: number }
  | { readonly name: 'TOP'; readonly number: number; readonly lines: number }
  | { readonly name: 'LANG'; readonly language: string | undefined };

export type CommandName = Command['name'];

export type Parsed =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'bad'; readonly why: string };

/** RFC 2449 section 4: a command with its CRLF. */
export const COMMAND_OCTETS_MAX = 255;

interface Rule {
  readonly states: readonly State[];
  /** Undefined when these are not its arguments. */
  readonly read: (args: readonly string[], rest: string) => Command | undefined;
  /** Said when they are not. */
  readonly takes: string;
}

const BOTH: readonly State[] = ['AUTHORIZATION', 'TRANSACTION'];
const AUTHORIZATION: readonly State[] = ['AUTHORIZATION'];
const TRANSACTION: readonly State[] = ['TRANSACTION'];

const RULES: Readonly<Record<CommandName, Rule>> = {
  CAPA: alone('CAPA', BOTH),
  QUIT: alone('QUIT', BOTH),
  STLS: alone('STLS', AUTHORIZATION),
  USER: {
    states: AUTHORIZATION,
    takes: 'a name',
    read: (args) => (args.length === 0 ? undefined : { name: 'USER', user: args.join(' ') }),
  },
  PASS: {
    states: AUTHORIZATION,
    takes: 'a password',
    read: (_, rest) => (rest === '' ? undefined : { name: 'PASS', password: rest }),
  },
  AUTH: {
    states: AUTHORIZATION,
    takes: 'a mechanism and perhaps an initial response',
    read: ([mechanism, initialResponse, ...more]) =>
      mechanism === undefined || more.length > 0 || !/^[A-Za-z0-9_-]{1,20}$/.test(mechanism)
        ? undefined
        : { name: 'AUTH', mechanism, initialResponse },
  },
  LANG: {
    states: BOTH,
    takes: 'at most one language',
    read: ([language, ...more]) => (more.length > 0 ? undefined : { name: 'LANG', language }),
  },
  NOOP: alone('NOOP', TRANSACTION),
  STAT: alone('STAT', TRANSACTION),
  RSET: alone('RSET', TRANSACTION),
  LIST: perhapsNumbered('LIST'),
  UIDL: perhapsNumbered('UIDL'),
  RETR: numbered('RETR'),
  DELE: numbered('DELE'),
  TOP: {
    states: TRANSACTION,
    takes: 'a message number and a number of lines',
    read: (args) => {
      const [number, lines] = args.map(readNumber);
      return args.length !== 2 || number === undefined || lines === undefined
        ? undefined
        : { name: 'TOP', number, lines };
    },
  },
};

/** Reads a line without its end. */
export function parseCommand(octets: Buffer, state: State): Parsed {
  const text = decodeUtf8(octets);
  if (text === undefined) return { kind: 'bad', why: 'a command is UTF-8' };
  // A CR here stands alone: the end of the line is off.
  if (/[\0\r]/.test(text)) return { kind: 'bad', why: 'a command has no control characters' };
  const space = text.indexOf(' ');
  const verb = (space < 0 ? text : text.slice(0, space)).toUpperCase();
  const rule = Object.hasOwn(RULES, verb) ? RULES[verb as CommandName] : undefined;
  if (rule === undefined) return { kind: 'bad', why: 'unknown command' };
  if (!rule.states.includes(state)) return { kind: 'bad', why: `${verb} is not for the ${state} state` };
  const rest = space < 0 ? '' : text.slice(space + 1);
  const trimmed = rest.replace(/ +$/, '');
  const command = rule.read(trimmed === '' ? [] : trimmed.split(' '), rest);
  return command === undefined
    ? { kind: 'bad', why: `${verb} takes ${rule.takes}` }
    : { kind: 'command', command };
}

function alone(name: 'CAPA' | 'NOOP' | 'QUIT' | 'RSET' | 'STAT' | 'STLS', states: readonly State[]): Rule {
  return { states, takes: 'no argument', read: (args) => (args.length === 0 ? { name } : undefined) };
}

function numbered(name: 'RETR' | 'DELE'): Rule {
  return {
    states: TRANSACTION,
    takes: 'a message number',
    read: (args) => {
      const number = readNumber(args[0] ?? '');
      return args.length !== 1 || number === undefined ? undefined : { name, number };
    },
  };
}

function perhapsNumbered(name: 'LIST' | 'UIDL'): Rule {
  return {
    states: TRANSACTION,
    takes: 'at most a message number',
    read: (args) => {
      if (args.length === 0) return { name, number: undefined };
      const number = readNumber(args[0] ?? '');
      return args.length !== 1 || number === undefined ? undefined : { name, number };
    },
  };
}

/** RFC 1939 section 3: decimal. Larger than any message is a number all the same. */
function readNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

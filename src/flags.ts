/**
 * The command line of `bin/postern`: one table of commands and flags, from which parser, messages and `--help` come.
 * Nothing here acts; `main.ts` hands the options to the function that does. Flag names are matched in any case, as
 * `--Base` (the member's way) and `--base` (the lab's way) mean the same.
 */
import { isAbsolute, resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { Role } from './cluster/types.ts';

export const VERSION = '0.1.0';

/** Where a member looks for its base folder when `--Base` is not given. `bin/postern` has the same default. */
export const BASE_DEFAULT = '/var/postern';

/** For `runMember` of src/member/run.ts. */
export interface MemberOptions {
  /** Absolute path of the base folder: settings, logs, `Startup.sh`, and `SharedDomains/`. */
  readonly base: string;
  readonly role: Role;
}

/** For `initStorage` of src/member/init.ts: writes the storage id and markers below `<base>/SharedDomains`. */
export interface InitOptions {
  readonly base: string;
}

export const LAB_ACTIONS = ['kill', 'stop', 'start', 'pause', 'resume'] as const;
export type LabAction = (typeof LAB_ACTIONS)[number];

/** For `runLab` of src/lab/main.ts. */
export type LabOptions = LabStartOptions | LabActionOptions;

/** Start a whole cluster in the foreground. */
export interface LabStartOptions {
  readonly kind: 'start';
  readonly backends: number;
  readonly frontends: number;
  readonly symmetric: number;
  /** Worker processes of each member. */
  readonly workers: number;
  readonly accounts: number;
  readonly domain: string;
  /** Absolute; undefined means a fresh temporary folder. */
  readonly base: string | undefined;
}

/** Act on one member of a running lab. */
export interface LabActionOptions {
  readonly kind: 'act';
  readonly action: LabAction;
  readonly name: string;
  readonly base: string;
}

/** For `runDemo` of src/lab/demo.ts. */
export interface DemoOptions {
  /** Absolute; undefined means a fresh temporary folder. */
  readonly base: string | undefined;
}

/** What `postern help` explains: the flags, or the settings of a member. */
export type HelpTopic = 'flags' | 'settings';

export type Invocation =
  | { readonly kind: 'member'; readonly options: MemberOptions }
  | { readonly kind: 'init'; readonly options: InitOptions }
  | { readonly kind: 'lab'; readonly options: LabOptions }
  | { readonly kind: 'demo'; readonly options: DemoOptions }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' }
  | { readonly kind: 'bad'; readonly why: string };

interface Flag {
  readonly name: string;
  /** Name of the value in the help; absent for a switch. */
  readonly value?: string;
  /** Bounds of a number. */
  readonly range?: readonly [min: number, max: number];
  readonly default?: string;
  readonly help: string;
}

interface CommandFlags {
  readonly command: string;
  readonly usage: string;
  readonly help: string;
  readonly flags: readonly Flag[];
}

const BASE: Flag = {
  name: 'Base',
  value: 'DIR',
  help: 'the base folder: Settings/, Startup.sh, SharedDomains/',
};

const MEMBER: CommandFlags = {
  command: '',
  usage: 'postern [flags]',
  help: 'run one member; without a role flag it stands alone',
  flags: [
    { ...BASE, default: BASE_DEFAULT },
    {
      name: 'ClusterBackend',
      help: 'this member owns accounts; the storage is mounted at <base>/SharedDomains',
    },
    { name: 'ClusterFrontend', help: 'this member faces clients and mounts no storage' },
    { name: 'ClusterSymmetric', help: 'this member is both' },
    { name: 'help', help: 'print this text' },
    { name: 'version', help: 'print the version' },
  ],
};

const INIT: CommandFlags = {
  command: 'init',
  usage: 'postern init [--Base DIR]',
  help: 'first start of a cluster: write the storage id and the markers below <base>/SharedDomains, once',
  flags: [{ ...BASE, default: BASE_DEFAULT }],
};

const LAB: CommandFlags = {
  command: 'lab',
  usage: `postern lab [flags], postern lab ${LAB_ACTIONS.join('|')} NAME --base DIR`,
  help: 'run a whole cluster on free loopback ports, or act on one of its members',
  flags: [
    { name: 'backends', value: 'N', range: [0, 64], default: '2', help: 'members that own accounts' },
    { name: 'frontends', value: 'N', range: [0, 64], default: '2', help: 'members that face clients' },
    { name: 'symmetric', value: 'N', range: [0, 64], default: '0', help: 'members that are both' },
    { name: 'workers', value: 'N', range: [1, 64], default: '1', help: 'worker processes of each member' },
    {
      name: 'accounts',
      value: 'N',
      range: [0, 1_000_000],
      default: '20',
      help: 'accounts user1, user2 … to make',
    },
    { name: 'domain', value: 'NAME', default: 'lab.example', help: 'the shared domain to make' },
    {
      name: 'base',
      value: 'DIR',
      help: 'where the lab lives and writes lab.json; fresh and temporary when left out',
    },
  ],
};

const DEMO: CommandFlags = {
  command: 'demo',
  usage: 'postern demo [--base DIR]',
  help: 'a cluster with the sample domains, and a table of what to open',
  flags: [{ name: 'base', value: 'DIR', help: 'where it lives; fresh and temporary when left out' }],
};

const HELP: CommandFlags = {
  command: 'help',
  usage: 'postern help [settings]',
  help: 'print this text, or the manual page of the settings',
  flags: [],
};

const COMMANDS: readonly CommandFlags[] = [MEMBER, INIT, LAB, DEMO, HELP];

/** What the arguments ask for. `cwd` completes relative paths. Never throws: a mistake is `bad`, with one line. */
export function parseFlags(args: readonly string[], cwd: string): Invocation {
  const word = args[0];
  if (word === undefined || word.startsWith('-')) return parseMember(args, cwd);
  const rest = args.slice(1);
  if (word === 'init') return parseInit(rest, cwd);
  if (word === 'lab') return parseLab(rest, cwd);
  if (word === 'demo') return parseDemo(rest, cwd);
  if (word === 'help') return parseHelp(rest);
  const names = COMMANDS.map((each) => each.command).filter((each) => each !== '');
  return bad(`unknown command ${word}; the commands are ${names.join(', ')}`);
}

/** The text of `--help`. */
export function helpText(): string {
  const lines = [`Postern ${VERSION}: a dynamic-cluster communications server.`];
  for (const each of COMMANDS) {
    lines.push('', each.usage, `    ${each.help}`);
    for (const flag of each.flags) {
      const left = `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
      const range = flag.range === undefined ? '' : ` (${flag.range[0]} to ${flag.range[1]})`;
      const fallback = flag.default === undefined ? '' : ` [${flag.default}]`;
      lines.push(`    ${left.padEnd(20)} ${flag.help}${range}${fallback}`);
    }
  }
  lines.push(
    '',
    'Settings are in <base>/Settings/Main.settings; Startup.sh may hold SUPPLPARAMS="--ClusterBackend".',
  );
  return `${lines.join('\n')}\n`;
}

const ROLES = {
  ClusterBackend: 'backend',
  ClusterFrontend: 'frontend',
  ClusterSymmetric: 'symmetric',
} as const satisfies Record<string, Role>;

function parseHelp(rest: readonly string[]): Invocation {
  const [topic, more] = rest;
  if (topic === undefined) return { kind: 'help', topic: 'flags' };
  return topic === 'settings' && more === undefined ? { kind: 'help', topic } : unexpected(more ?? topic);
}

function parseMember(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(MEMBER, args);
  if (read.kind === 'bad') return read;
  if (read.flags.has('help')) return { kind: 'help', topic: 'flags' };
  if (read.flags.has('version')) return { kind: 'version' };
  if (read.words.length > 0) return unexpected(read.words[0]);
  const roles = Object.entries(ROLES).filter(([flag]) => read.flags.has(flag));
  if (roles.length > 1)
    return bad(`${roles.map(([flag]) => `--${flag}`).join(' and ')} exclude each other: give one`);
  const base = folder(read.flags.get('Base'), cwd) ?? BASE_DEFAULT;
  return { kind: 'member', options: { base, role: roles[0]?.[1] ?? 'standalone' } };
}

function parseInit(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(INIT, args);
  if (read.kind === 'bad') return read;
  if (read.words.length > 0) return unexpected(read.words[0]);
  return { kind: 'init', options: { base: folder(read.flags.get('Base'), cwd) ?? BASE_DEFAULT } };
}

function parseDemo(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(DEMO, args);
  if (read.kind === 'bad') return read;
  if (read.words.length > 0) return unexpected(read.words[0]);
  return { kind: 'demo', options: { base: folder(read.flags.get('base'), cwd) } };
}

function parseLab(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(LAB, args);
  if (read.kind === 'bad') return read;
  if (read.words.length > 0) return parseLabAction(read, cwd);
  const number = (name: string): number =>
    Number(read.flags.get(name) ?? LAB.flags.find((flag) => flag.name === name)?.default);
  const options: LabStartOptions = {
    kind: 'start',
    backends: number('backends'),
    frontends: number('frontends'),
    symmetric: number('symmetric'),
    workers: number('workers'),
    accounts: number('accounts'),
    domain: (read.flags.get('domain') ?? 'lab.example').toLowerCase(),
    base: folder(read.flags.get('base'), cwd),
  };
  if (options.backends + options.symmetric === 0)
    return bad('a cluster needs a member that owns accounts: give --backends or --symmetric at least 1');
  if (options.frontends + options.symmetric === 0)
    return bad('a cluster needs a member that faces clients: give --frontends or --symmetric at least 1');
  if (!DOMAIN.test(options.domain))
    return bad(`--domain ${options.domain}: give a domain name such as lab.example`);
  return { kind: 'lab', options };
}

function parseLabAction(read: ReadFlags, cwd: string): Invocation {
  const [word = '', name, more] = read.words;
  const action = LAB_ACTIONS.find((each) => each === word);
  if (action === undefined)
    return bad(`unknown lab action ${word}; the actions are ${LAB_ACTIONS.join(', ')}`);
  if (name === undefined) return bad(`lab ${action} needs the name of a member, for example fe1`);
  if (more !== undefined) return unexpected(more);
  const other = [...read.flags.keys()].find((flag) => flag !== 'base');
  if (other !== undefined) return bad(`lab ${action} takes no --${other}`);
  const base = folder(read.flags.get('base'), cwd);
  if (base === undefined) return bad(`lab ${action} needs --base DIR, the folder of the running lab`);
  return { kind: 'lab', options: { kind: 'act', action, name, base } };
}

/** Host name syntax, RFC 1123 section 2.1, with two labels at least. */
const DOMAIN =
  /^(?=.{3,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;

interface ReadFlags {
  readonly kind: 'read';
  /** By the name in the table; a switch has the value ''. */
  readonly flags: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

/** Splits arguments into flags of the table and words. */
function readFlags(command: CommandFlags, args: readonly string[]): ReadFlags | ReturnType<typeof bad> {
  const options: ParseArgsOptionsConfig = {};
  for (const flag of command.flags)
    options[flag.name] = { type: flag.value === undefined ? 'boolean' : 'string' };
  // Not strict: parseArgs' own messages are several sentences long and do not say where the list of flags is.
  const { tokens } = parseArgs({
    args: args.map((each) => canonical(command, each)),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = command.flags.find((each) => each.name === token.name);
    if (flag === undefined) return bad(`unknown flag ${token.rawName}; postern --help lists the flags`);
    // A switch twice does no harm: Startup.sh and the command line may both say --ClusterBackend.
    if (flags.has(flag.name) && flag.value !== undefined) return bad(`--${flag.name} is given twice`);
    const why = checkFlag(flag, token.value, token.inlineValue === true);
    if (why !== undefined) return bad(why);
    flags.set(flag.name, token.value ?? '');
  }
  return { kind: 'read', flags, words };
}

/** Why a flag's value is not right, or undefined. */
function checkFlag(flag: Flag, value: string | undefined, inline: boolean): string | undefined {
  if (flag.value === undefined) return value === undefined ? undefined : `--${flag.name} takes no value`;
  // A value that looks like a flag is a forgotten value; `--base=-x` says that it is meant.
  if (value === undefined || value === '' || (value.startsWith('--') && !inline))
    return `--${flag.name} needs a value: --${flag.name} ${flag.value}`;
  if (flag.range === undefined) return undefined;
  const [min, max] = flag.range;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  return number >= min && number <= max
    ? undefined
    : `--${flag.name} ${value}: give a whole number from ${min} to ${max}`;
}

/** `--base=x` as `--Base=x` where that is how the table spells it. */
function canonical(command: CommandFlags, arg: string): string {
  if (!arg.startsWith('--')) return arg;
  const equals = arg.indexOf('=');
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  const flag = command.flags.find((each) => each.name.toLowerCase() === name.toLowerCase());
  return flag === undefined ? arg : `--${flag.name}${equals < 0 ? '' : arg.slice(equals)}`;
}

function folder(path: string | undefined, cwd: string): string | undefined {
  if (path === undefined) return undefined;
  return isAbsolute(path) ? resolve(path) : resolve(cwd, path);
}

function bad(why: string): { readonly kind: 'bad'; readonly why: string } {
  return { kind: 'bad', why };
}

function unexpected(word: string | undefined): Invocation {
  return bad(`unexpected argument ${word}; postern --help says how to call it`);
}

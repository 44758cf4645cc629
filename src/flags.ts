/**
 * The command line of `bin/postern`: one table of commands and flags, from which parser, messages and `--help` come.
 * Nothing here acts; `main.ts` hands the options to the function that does. Flag names are matched in any case, as
 * `--Base` (the member's way) and `--base` (the lab's way) mean the same.
 */
import { resolve } from 'node:path';
import { parseLevel } from './cluster/level.ts';
import { isMemberName } from './cluster/security/identity.ts';
import type { Role } from './cluster/types.ts';
import { bad, type CommandFlags, type Flag, type ReadFlags, readFlags } from './lib/command-flags.ts';

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
  /** Of the first member, whose certificate is made; a backend when left out. */
  readonly role?: MemberRole;
}

/** Of a member of a cluster. */
export type MemberRole = Exclude<Role, 'standalone'>;

/** For `invite` of src/member/security-commands.ts. */
export interface InviteOptions {
  readonly base: string;
  readonly member: string;
  readonly role: MemberRole;
  /** How long the invitation holds. */
  readonly minutes: number;
}

/** For `joinCluster` of src/member/join.ts. */
export interface JoinOptions {
  readonly base: string;
  readonly token: string;
  /** For the settings file, where there is none. */
  readonly clusterAddress: string | undefined;
}

/** For `revoke` of src/member/security-commands.ts. */
export interface RevokeOptions {
  readonly base: string;
  readonly member: string;
}

/** For `rotateKeys` of src/member/security-commands.ts. */
export interface RotateOptions {
  readonly base: string;
}

/** For `clusterCommand` of src/member/cluster-command.ts. */
export interface ClusterOptions {
  readonly base: string;
  readonly ask:
    | { readonly act: 'members' | 'level' }
    | { readonly act: 'not-ready'; readonly member: string }
    | { readonly act: 'ready'; readonly member: string }
    | { readonly act: 'raise-level'; readonly level: number };
  /** The answer as data. */
  readonly json: boolean;
}

/** For `checkStorageCommand` of src/member/self-test/command.ts. */
export interface CheckStorageOptions {
  readonly base: string;
}

/** For `installCertificate` of src/member/certificate-command.ts. */
export interface CertificateOptions {
  readonly domain: string;
  /** Absolute paths. */
  readonly certificateFile: string;
  readonly keyFile: string;
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
  | { readonly kind: 'invite'; readonly options: InviteOptions }
  | { readonly kind: 'join'; readonly options: JoinOptions }
  | { readonly kind: 'revoke'; readonly options: RevokeOptions }
  | { readonly kind: 'rotate-keys'; readonly options: RotateOptions }
  | { readonly kind: 'cluster'; readonly options: ClusterOptions }
  | { readonly kind: 'check-storage'; readonly options: CheckStorageOptions }
  | { readonly kind: 'certificate'; readonly options: CertificateOptions }
  | { readonly kind: 'lab'; readonly options: LabOptions }
  | { readonly kind: 'demo'; readonly options: DemoOptions }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' }
  | { readonly kind: 'bad'; readonly why: string };

const BASE: Flag = {
  name: 'Base',
  value: 'DIR',
  default: BASE_DEFAULT,
  help: 'the base folder: Settings/, Startup.sh, SharedDomains/',
};

/** The switch for each role; a member without one stands alone. */
const ROLE_SWITCHES: Readonly<Record<MemberRole, Flag>> = {
  backend: {
    name: 'ClusterBackend',
    help: 'this member owns accounts; the storage is mounted at <base>/SharedDomains',
  },
  frontend: { name: 'ClusterFrontend', help: 'this member faces clients and mounts no storage' },
  symmetric: { name: 'ClusterSymmetric', help: 'this member is both' },
};

/** What a member with this role is started with. */
export const ROLE_FLAGS: Readonly<Record<Role, string>> = {
  backend: `--${ROLE_SWITCHES.backend.name}`,
  frontend: `--${ROLE_SWITCHES.frontend.name}`,
  symmetric: `--${ROLE_SWITCHES.symmetric.name}`,
  standalone: 'no role flag',
};

interface Command extends CommandFlags {
  /** Words that it takes besides its flags, at the most. */
  readonly wordsMax: number;
  readonly parse: (read: ReadFlags, cwd: string) => Invocation;
}

const COMMANDS: readonly Command[] = [
  {
    command: '',
    usage: 'postern [flags]',
    help: 'run one member; without a role flag it stands alone',
    flags: [
      BASE,
      ...Object.values(ROLE_SWITCHES),
      { name: 'help', help: 'print this text' },
      { name: 'version', help: 'print the version' },
    ],
    wordsMax: 0,
    parse: parseMember,
  },
  {
    command: 'init',
    usage: 'postern init [--ClusterSymmetric] [--Base DIR]',
    help: 'first start of a cluster: write the storage id and the markers below <base>/SharedDomains, make the keys of the cluster and the certificate of this first member (a backend when no role flag is given), once',
    flags: [
      BASE,
      { name: 'ClusterBackend', help: 'this member will be started with --ClusterBackend' },
      { name: 'ClusterSymmetric', help: 'this member will be started with --ClusterSymmetric' },
    ],
    wordsMax: 0,
    parse: parseInit,
  },
  {
    command: 'invite',
    usage: 'postern invite NAME --ClusterBackend|--ClusterFrontend|--ClusterSymmetric [--Base DIR]',
    help: 'at a running backend: print a token with which a machine joins the cluster, once, as the member NAME',
    flags: [
      BASE,
      ...Object.values(ROLE_SWITCHES),
      { name: 'minutes', value: 'N', range: [1, 10_080], default: '60', help: 'how long the token holds' },
    ],
    wordsMax: 1,
    parse: parseInvite,
  },
  {
    command: 'join',
    usage: 'postern join TOKEN [--Base DIR] [--ClusterAddress IP:PORT]',
    help: 'on a new machine: fetch its certificate and keys, and write <base>/Settings/Main.settings where there is none',
    flags: [
      BASE,
      { name: 'ClusterAddress', value: 'IP:PORT', help: 'where this member is to be reached by the others' },
    ],
    wordsMax: 1,
    parse: parseJoin,
  },
  {
    command: 'revoke',
    usage: 'postern revoke NAME [--Base DIR]',
    help: 'at a running backend: NAME is no member any more, its certificates and invitations are worth nothing',
    flags: [BASE],
    wordsMax: 1,
    parse: parseRevoke,
  },
  {
    command: 'rotate-keys',
    usage: 'postern rotate-keys [--Base DIR]',
    help: 'at a running backend: new keys for the cluster and a new authority, while everything runs',
    flags: [BASE],
    wordsMax: 0,
    parse: (read, cwd) => ({ kind: 'rotate-keys', options: { base: baseOf(read, cwd) } }),
  },
  {
    command: 'cluster',
    usage: 'postern cluster members | not-ready NAME | ready NAME | level [N] [--Base DIR] [--json]',
    help: 'at any running member: show the members; take one out of service or back, until further notice; show or raise the feature level',
    flags: [BASE, { name: 'json', help: 'print the answer as JSON' }],
    wordsMax: 2,
    parse: parseCluster,
  },
  {
    command: 'check-storage',
    usage: 'postern check-storage [--Base DIR]',
    help: 'on a backend: try what the storage mounted at <base>/SharedDomains promises, one line a check',
    flags: [BASE],
    wordsMax: 0,
    parse: (read, cwd) => ({ kind: 'check-storage', options: { base: baseOf(read, cwd) } }),
  },
  {
    command: 'certificate',
    usage: 'postern certificate DOMAIN CERT.PEM KEY.PEM [--Base DIR]',
    help: 'install a certificate, with its chain, and its private key for a domain of the running member',
    flags: [BASE],
    wordsMax: 3,
    parse: parseCertificate,
  },
  {
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
    wordsMax: 2,
    parse: (read, cwd) => (read.words.length > 0 ? parseLabAction(read, cwd) : parseLab(read, cwd)),
  },
  {
    command: 'demo',
    usage: 'postern demo [--base DIR]',
    help: 'a cluster with the sample domains, and a table of what to open',
    flags: [{ name: 'base', value: 'DIR', help: 'where it lives; fresh and temporary when left out' }],
    wordsMax: 0,
    parse: (read, cwd) => ({ kind: 'demo', options: { base: folder(read.given.get('base'), cwd) } }),
  },
  {
    command: 'help',
    usage: 'postern help [settings]',
    help: 'print this text, or the manual page of the settings',
    flags: [],
    wordsMax: 1,
    parse: parseHelp,
  },
];

/** What the arguments ask for. `cwd` completes relative paths. Never throws: a mistake is `bad`, with one line. */
export function parseFlags(args: readonly string[], cwd: string): Invocation {
  const [first = ''] = args;
  const [word, rest] = first === '' || first.startsWith('-') ? ['', args] : [first, args.slice(1)];
  const command = COMMANDS.find((each) => each.command === word);
  if (command === undefined) {
    const names = COMMANDS.map((each) => each.command).filter((each) => each !== '');
    return bad(`unknown command ${word}; the commands are ${names.join(', ')}`);
  }
  const read = readFlags(command, rest);
  if (read.kind === 'bad') return read;
  const { wordsMax, parse } = command;
  return read.words.length > wordsMax ? unexpected(read.words[wordsMax]) : parse(read, cwd);
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

function parseHelp({ words: [topic] }: ReadFlags): Invocation {
  if (topic === undefined) return { kind: 'help', topic: 'flags' };
  return topic === 'settings' ? { kind: 'help', topic } : unexpected(topic);
}

function parseMember(read: ReadFlags, cwd: string): Invocation {
  if (read.given.has('help')) return { kind: 'help', topic: 'flags' };
  if (read.given.has('version')) return { kind: 'version' };
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  return { kind: 'member', options: { base: baseOf(read, cwd), role: roles.role ?? 'standalone' } };
}

/** The one role flag given, if any. */
function readRoles(
  read: ReadFlags,
): { readonly kind: 'roles'; readonly role: MemberRole | undefined } | ReturnType<typeof bad> {
  const roles = (Object.keys(ROLE_SWITCHES) as MemberRole[]).filter((role) =>
    read.given.has(ROLE_SWITCHES[role].name),
  );
  if (roles.length > 1)
    return bad(`${roles.map((role) => ROLE_FLAGS[role]).join(' and ')} exclude each other: give one`);
  return { kind: 'roles', role: roles[0] };
}

function parseInit(read: ReadFlags, cwd: string): Invocation {
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  const { role } = roles;
  return { kind: 'init', options: { base: baseOf(read, cwd), ...(role === undefined ? {} : { role }) } };
}

function parseInvite(read: ReadFlags, cwd: string): Invocation {
  const member = memberWord('invite', read.words[0]);
  if (member.kind === 'bad') return member;
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  const { role } = roles;
  if (role === undefined)
    return bad('invite needs the role: give --ClusterBackend, --ClusterFrontend or --ClusterSymmetric');
  const minutes = Number(read.values.get('minutes'));
  return { kind: 'invite', options: { base: baseOf(read, cwd), member: member.name, role, minutes } };
}

function parseJoin(read: ReadFlags, cwd: string): Invocation {
  const [token] = read.words;
  if (token === undefined) return bad('join needs the token that postern invite has printed');
  const clusterAddress = read.given.get('ClusterAddress');
  return { kind: 'join', options: { base: baseOf(read, cwd), token, clusterAddress } };
}

function parseRevoke(read: ReadFlags, cwd: string): Invocation {
  const member = memberWord('revoke', read.words[0]);
  if (member.kind === 'bad') return member;
  return { kind: 'revoke', options: { base: baseOf(read, cwd), member: member.name } };
}

function parseCluster(read: ReadFlags, cwd: string): Invocation {
  const ask = clusterQuestion(read.words);
  if (ask.act === 'bad') return bad(ask.why);
  return { kind: 'cluster', options: { base: baseOf(read, cwd), ask, json: read.given.has('json') } };
}

function clusterQuestion([act = '', what]: readonly string[]):
  | ClusterOptions['ask']
  | { readonly act: 'bad'; readonly why: string } {
  switch (act) {
    case 'members':
      return what === undefined ? { act } : { act: 'bad', why: `cluster members takes no ${what}` };
    case 'not-ready':
    case 'ready': {
      const member = memberWord(`cluster ${act}`, what);
      return member.kind === 'bad' ? { act: 'bad', why: member.why } : { act, member: member.name };
    }
    case 'level': {
      if (what === undefined) return { act };
      const level = parseLevel(what);
      return level === undefined
        ? { act: 'bad', why: `cluster level ${what}: give a number such as 1` }
        : { act: 'raise-level', level };
    }
    default:
      return { act: 'bad', why: `cluster ${act}: give members, not-ready NAME, ready NAME or level [N]` };
  }
}

function memberWord(
  command: string,
  name: string | undefined,
): { readonly kind: 'name'; readonly name: string } | ReturnType<typeof bad> {
  if (name === undefined) return bad(`${command} needs the name of a member, for example fe3`);
  if (!isMemberName(name))
    return bad(`${command} ${name}: give a name of 1 to 64 letters, digits, dots, hyphens`);
  return { kind: 'name', name };
}

function parseCertificate(read: ReadFlags, cwd: string): Invocation {
  const [domain, certificate, key] = read.words;
  if (domain === undefined || certificate === undefined || key === undefined)
    return bad('certificate needs a domain and two files: postern certificate a.example cert.pem key.pem');
  const files = { certificateFile: resolve(cwd, certificate), keyFile: resolve(cwd, key) };
  return { kind: 'certificate', options: { domain, ...files, base: baseOf(read, cwd) } };
}

function parseLab(read: ReadFlags, cwd: string): Invocation {
  const number = (name: string): number => Number(read.values.get(name));
  const options: LabStartOptions = {
    kind: 'start',
    backends: number('backends'),
    frontends: number('frontends'),
    symmetric: number('symmetric'),
    workers: number('workers'),
    accounts: number('accounts'),
    domain: (read.values.get('domain') ?? '').toLowerCase(),
    base: folder(read.given.get('base'), cwd),
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
  const [word = '', name] = read.words;
  const action = LAB_ACTIONS.find((each) => each === word);
  if (action === undefined)
    return bad(`unknown lab action ${word}; the actions are ${LAB_ACTIONS.join(', ')}`);
  if (name === undefined) return bad(`lab ${action} needs the name of a member, for example fe1`);
  const other = [...read.given.keys()].find((flag) => flag !== 'base');
  if (other !== undefined) return bad(`lab ${action} takes no --${other}`);
  const base = folder(read.given.get('base'), cwd);
  if (base === undefined) return bad(`lab ${action} needs --base DIR, the folder of the running lab`);
  return { kind: 'lab', options: { kind: 'act', action, name, base } };
}

/** Host name syntax, RFC 1123 section 2.1, with two labels at least. */
const DOMAIN =
  /^(?=.{3,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;

function baseOf(read: ReadFlags, cwd: string): string {
  return resolve(cwd, read.values.get('Base') ?? BASE_DEFAULT);
}

function folder(path: string | undefined, cwd: string): string | undefined {
  return path === undefined ? undefined : resolve(cwd, path);
}

function unexpected(word: string | undefined): Invocation {
  return bad(`unexpected argument ${word}; postern --help says how to call it`);
}

/**
 * The command line of `bin/postern`: one table of commands and flags, from which parser, messages and `--help` come.
 * Nothing here acts; `main.ts` hands the options to the function that does. Flag names are matched in any case, as
 * `--Base` (the member's way) and `--base` (the lab's way) mean the same.
 */
import { isAbsolute, resolve } from 'node:path';
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
  | { readonly kind: 'certificate'; readonly options: CertificateOptions }
  | { readonly kind: 'lab'; readonly options: LabOptions }
  | { readonly kind: 'demo'; readonly options: DemoOptions }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' }
  | { readonly kind: 'bad'; readonly why: string };

const BASE: Flag = {
  name: 'Base',
  value: 'DIR',
  help: 'the base folder: Settings/, Startup.sh, SharedDomains/',
};

const ROLE_FLAGS: readonly Flag[] = [
  {
    name: 'ClusterBackend',
    help: 'this member owns accounts; the storage is mounted at <base>/SharedDomains',
  },
  { name: 'ClusterFrontend', help: 'this member faces clients and mounts no storage' },
  { name: 'ClusterSymmetric', help: 'this member is both' },
];

const MEMBER: CommandFlags = {
  command: '',
  usage: 'postern [flags]',
  help: 'run one member; without a role flag it stands alone',
  flags: [
    { ...BASE, default: BASE_DEFAULT },
    ...ROLE_FLAGS,
    { name: 'help', help: 'print this text' },
    { name: 'version', help: 'print the version' },
  ],
};

const INIT: CommandFlags = {
  command: 'init',
  usage: 'postern init [--ClusterSymmetric] [--Base DIR]',
  help: 'first start of a cluster: write the storage id and the markers below <base>/SharedDomains, make the keys of the cluster and the certificate of this first member (a backend when no role flag is given), once',
  flags: [
    { ...BASE, default: BASE_DEFAULT },
    { name: 'ClusterBackend', help: 'this member will be started with --ClusterBackend' },
    { name: 'ClusterSymmetric', help: 'this member will be started with --ClusterSymmetric' },
  ],
};

const INVITE: CommandFlags = {
  command: 'invite',
  usage: 'postern invite NAME --ClusterBackend|--ClusterFrontend|--ClusterSymmetric [--Base DIR]',
  help: 'at a running backend: print a token with which a machine joins the cluster, once, as the member NAME',
  flags: [
    { ...BASE, default: BASE_DEFAULT },
    ...ROLE_FLAGS,
    { name: 'minutes', value: 'N', range: [1, 10_080], default: '60', help: 'how long the token holds' },
  ],
};

const JOIN: CommandFlags = {
  command: 'join',
  usage: 'postern join TOKEN [--Base DIR] [--ClusterAddress IP:PORT]',
  help: 'on a new machine: fetch its certificate and keys, and write <base>/Settings/Main.settings where there is none',
  flags: [
    { ...BASE, default: BASE_DEFAULT },
    { name: 'ClusterAddress', value: 'IP:PORT', help: 'where this member is to be reached by the others' },
  ],
};

const REVOKE: CommandFlags = {
  command: 'revoke',
  usage: 'postern revoke NAME [--Base DIR]',
  help: 'at a running backend: NAME is no member any more, its certificates and invitations are worth nothing',
  flags: [{ ...BASE, default: BASE_DEFAULT }],
};

const ROTATE: CommandFlags = {
  command: 'rotate-keys',
  usage: 'postern rotate-keys [--Base DIR]',
  help: 'at a running backend: new keys for the cluster and a new authority, while everything runs',
  flags: [{ ...BASE, default: BASE_DEFAULT }],
};

const CERTIFICATE: CommandFlags = {
  command: 'certificate',
  usage: 'postern certificate DOMAIN CERT.PEM KEY.PEM [--Base DIR]',
  help: 'install a certificate, with its chain, and its private key for a domain of the running member',
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

const COMMANDS: readonly CommandFlags[] = [
  MEMBER,
  INIT,
  INVITE,
  JOIN,
  REVOKE,
  ROTATE,
  CERTIFICATE,
  LAB,
  DEMO,
  HELP,
];

/** What the arguments ask for. `cwd` completes relative paths. Never throws: a mistake is `bad`, with one line. */
export function parseFlags(args: readonly string[], cwd: string): Invocation {
  const word = args[0];
  if (word === undefined || word.startsWith('-')) return parseMember(args, cwd);
  const rest = args.slice(1);
  if (word === 'init') return parseInit(rest, cwd);
  if (word === 'invite') return parseInvite(rest, cwd);
  if (word === 'join') return parseJoin(rest, cwd);
  if (word === 'revoke') return parseRevoke(rest, cwd);
  if (word === 'rotate-keys') return parseRotate(rest, cwd);
  if (word === 'certificate') return parseCertificate(rest, cwd);
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
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  const base = folder(read.flags.get('Base'), cwd) ?? BASE_DEFAULT;
  return { kind: 'member', options: { base, role: roles.role ?? 'standalone' } };
}

/** The one role flag given, if any. */
function readRoles(
  read: ReadFlags,
): { readonly kind: 'roles'; readonly role: MemberRole | undefined } | ReturnType<typeof bad> {
  const roles = Object.entries(ROLES).filter(([flag]) => read.flags.has(flag));
  if (roles.length > 1)
    return bad(`${roles.map(([flag]) => `--${flag}`).join(' and ')} exclude each other: give one`);
  return { kind: 'roles', role: roles[0]?.[1] };
}

function parseInit(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(INIT, args);
  if (read.kind === 'bad') return read;
  if (read.words.length > 0) return unexpected(read.words[0]);
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  const { role } = roles;
  return { kind: 'init', options: { base: baseOf(read, cwd), ...(role === undefined ? {} : { role }) } };
}

function parseInvite(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(INVITE, args);
  if (read.kind === 'bad') return read;
  const member = memberWord('invite', read.words);
  if (member.kind === 'bad') return member;
  const roles = readRoles(read);
  if (roles.kind === 'bad') return roles;
  if (roles.role === undefined)
    return bad('invite needs the role: give --ClusterBackend, --ClusterFrontend or --ClusterSymmetric');
  const minutes = Number(
    read.flags.get('minutes') ?? INVITE.flags.find(({ name }) => name === 'minutes')?.default,
  );
  return {
    kind: 'invite',
    options: { base: baseOf(read, cwd), member: member.name, role: roles.role, minutes },
  };
}

function parseJoin(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(JOIN, args);
  if (read.kind === 'bad') return read;
  const [token, more] = read.words;
  if (token === undefined) return bad('join needs the token that postern invite has printed');
  if (more !== undefined) return unexpected(more);
  const clusterAddress = read.flags.get('ClusterAddress');
  return { kind: 'join', options: { base: baseOf(read, cwd), token, clusterAddress } };
}

function parseRevoke(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(REVOKE, args);
  if (read.kind === 'bad') return read;
  const member = memberWord('revoke', read.words);
  if (member.kind === 'bad') return member;
  return { kind: 'revoke', options: { base: baseOf(read, cwd), member: member.name } };
}

function parseRotate(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(ROTATE, args);
  if (read.kind === 'bad') return read;
  if (read.words.length > 0) return unexpected(read.words[0]);
  return { kind: 'rotate-keys', options: { base: baseOf(read, cwd) } };
}

function memberWord(
  command: string,
  [name, more]: readonly string[],
): { readonly kind: 'name'; readonly name: string } | ReturnType<typeof bad> {
  if (name === undefined) return bad(`${command} needs the name of a member, for example fe3`);
  if (more !== undefined) return bad(`unexpected argument ${more}; postern --help says how to call it`);
  if (!MEMBER_NAME.test(name))
    return bad(`${command} ${name}: give a name of 1 to 64 letters, digits, dots, hyphens`);
  return { kind: 'name', name };
}

/** As MemberName in src/settings/settings.ts. */
const MEMBER_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;

function baseOf(read: ReadFlags, cwd: string): string {
  return folder(read.flags.get('Base'), cwd) ?? BASE_DEFAULT;
}

function parseCertificate(args: readonly string[], cwd: string): Invocation {
  const read = readFlags(CERTIFICATE, args);
  if (read.kind === 'bad') return read;
  const [domain, certificate, key, more] = read.words;
  if (domain === undefined || certificate === undefined || key === undefined)
    return bad('certificate needs a domain and two files: postern certificate a.example cert.pem key.pem');
  if (more !== undefined) return unexpected(more);
  const base = folder(read.flags.get('Base'), cwd) ?? BASE_DEFAULT;
  const files = { certificateFile: resolve(cwd, certificate), keyFile: resolve(cwd, key) };
  return { kind: 'certificate', options: { domain, ...files, base } };
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

function folder(path: string | undefined, cwd: string): string | undefined {
  if (path === undefined) return undefined;
  return isAbsolute(path) ? resolve(path) : resolve(cwd, path);
}

function unexpected(word: string | undefined): Invocation {
  return bad(`unexpected argument ${word}; postern --help says how to call it`);
}

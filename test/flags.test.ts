import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { BASE_DEFAULT, helpText, type Invocation, parseFlags, VERSION } from '../src/flags.ts';
import { SETTINGS } from '../src/settings/settings.ts';

const LAB = {
  kind: 'start',
  backends: 2,
  frontends: 2,
  symmetric: 0,
  workers: 1,
  accounts: 20,
  domain: 'lab.example',
  base: undefined,
} as const;

const GOOD: readonly (readonly [args: string, invocation: Invocation])[] = [
  ['', { kind: 'member', options: { base: BASE_DEFAULT, role: 'standalone' } }],
  ['--Base /a --ClusterBackend', { kind: 'member', options: { base: '/a', role: 'backend' } }],
  ['--clusterfrontend --base=x/../y', { kind: 'member', options: { base: '/cwd/y', role: 'frontend' } }],
  [
    '--ClusterSymmetric --ClusterSymmetric',
    { kind: 'member', options: { base: BASE_DEFAULT, role: 'symmetric' } },
  ],
  ['--Base=--odd', { kind: 'member', options: { base: '/cwd/--odd', role: 'standalone' } }],
  ['--help --ClusterBackend', { kind: 'help', topic: 'flags' }],
  ['--version', { kind: 'version' }],
  ['help', { kind: 'help', topic: 'flags' }],
  ['help settings', { kind: 'help', topic: 'settings' }],
  ['init --Base /a', { kind: 'init', options: { base: '/a' } }],
  ['init --ClusterSymmetric --Base /a', { kind: 'init', options: { base: '/a', role: 'symmetric' } }],
  [
    'invite fe3 --ClusterFrontend --Base /a --minutes 5',
    { kind: 'invite', options: { base: '/a', member: 'fe3', role: 'frontend', minutes: 5 } },
  ],
  [
    'invite be3 --clusterbackend',
    { kind: 'invite', options: { base: '/var/postern', member: 'be3', role: 'backend', minutes: 60 } },
  ],
  [
    'join postern-1-x --Base b --ClusterAddress 10.0.0.3:7600',
    { kind: 'join', options: { base: '/cwd/b', token: 'postern-1-x', clusterAddress: '10.0.0.3:7600' } },
  ],
  ['join T', { kind: 'join', options: { base: '/var/postern', token: 'T', clusterAddress: undefined } }],
  ['revoke fe3 --Base /a', { kind: 'revoke', options: { base: '/a', member: 'fe3' } }],
  ['rotate-keys --Base /a', { kind: 'rotate-keys', options: { base: '/a' } }],
  [
    'cluster members --Base /a',
    { kind: 'cluster', options: { base: '/a', ask: { act: 'members' }, json: false } },
  ],
  [
    'cluster not-ready fe1 --json',
    {
      kind: 'cluster',
      options: { base: BASE_DEFAULT, ask: { act: 'not-ready', member: 'fe1' }, json: true },
    },
  ],
  [
    'cluster ready fe1',
    { kind: 'cluster', options: { base: BASE_DEFAULT, ask: { act: 'ready', member: 'fe1' }, json: false } },
  ],
  ['cluster level', { kind: 'cluster', options: { base: BASE_DEFAULT, ask: { act: 'level' }, json: false } }],
  [
    'cluster level 1',
    { kind: 'cluster', options: { base: BASE_DEFAULT, ask: { act: 'raise-level', level: 1 }, json: false } },
  ],
  ['check-storage --Base /a', { kind: 'check-storage', options: { base: '/a' } }],
  [
    'certificate a.example c.pem /k.pem --base /a',
    {
      kind: 'certificate',
      options: { domain: 'a.example', certificateFile: '/cwd/c.pem', keyFile: '/k.pem', base: '/a' },
    },
  ],
  ['demo', { kind: 'demo', options: { base: undefined } }],
  ['demo --base d', { kind: 'demo', options: { base: '/cwd/d' } }],
  ['lab', { kind: 'lab', options: LAB }],
  [
    'lab --backends 3 --frontends=0 --symmetric 1 --workers 2 --accounts 0 --domain A.Example --base /l',
    {
      kind: 'lab',
      options: {
        ...LAB,
        backends: 3,
        frontends: 0,
        symmetric: 1,
        workers: 2,
        accounts: 0,
        domain: 'a.example',
        base: '/l',
      },
    },
  ],
  [
    'lab kill fe1 --base /l',
    { kind: 'lab', options: { kind: 'act', action: 'kill', name: 'fe1', base: '/l' } },
  ],
  [
    'lab --base /l resume be2',
    { kind: 'lab', options: { kind: 'act', action: 'resume', name: 'be2', base: '/l' } },
  ],
];

const BAD: readonly (readonly [args: string, why: RegExp])[] = [
  ['--nope', /^unknown flag --nope; postern --help/],
  ['-b', /^unknown flag -b;/],
  [
    'serve',
    /^unknown command serve; the commands are init, invite, join, revoke, rotate-keys, cluster, check-storage, certificate, lab, demo, help$/,
  ],
  ['cluster', /^cluster : give members, not-ready NAME/],
  ['cluster fly', /^cluster fly: give members, not-ready NAME, ready NAME or level/],
  ['cluster members fe1', /^cluster members takes no fe1$/],
  ['cluster not-ready', /^cluster not-ready needs the name of a member/],
  ['cluster ready a/b', /^cluster ready a\/b: give a name/],
  ['cluster level -1', /^unknown flag/],
  ['cluster level 01', /^cluster level 01: give a number/],
  ['cluster level 1 2', /^unexpected argument 2/],
  ['--Base', /^--Base needs a value: --Base DIR$/],
  ['--Base --ClusterBackend', /^--Base needs a value/],
  ['--Base=', /^--Base needs a value/],
  ['--Base /a --base /b', /^--Base is given twice$/],
  ['--ClusterBackend=yes', /^--ClusterBackend takes no value$/],
  ['--ClusterBackend --ClusterFrontend', /exclude each other/],
  ['--ClusterBackend extra', /^unexpected argument extra/],
  ['-- extra', /^unexpected argument extra/],
  ['help me', /^unexpected argument me/],
  ['help settings more', /^unexpected argument more/],
  ['init --ClusterFrontend', /^unknown flag --ClusterFrontend/],
  ['init --ClusterBackend --ClusterSymmetric', /exclude each other/],
  ['invite', /^invite needs the name of a member/],
  ['invite fe3', /^invite needs the role/],
  ['invite fe3 --ClusterFrontend --ClusterBackend', /exclude each other/],
  ['invite fe3 fe4 --ClusterFrontend', /^unexpected argument fe4/],
  ['invite -x --ClusterFrontend', /^unknown flag -x/],
  ['invite a/b --ClusterFrontend', /^invite a\/b: give a name/],
  ['invite fe3 --ClusterFrontend --minutes 0', /^--minutes 0: give a whole number from 1 to 10080$/],
  ['join', /^join needs the token/],
  ['join a b', /^unexpected argument b/],
  ['revoke', /^revoke needs the name of a member/],
  ['rotate-keys x', /^unexpected argument x/],
  ['certificate a.example c.pem', /^certificate needs a domain and two files: postern certificate/],
  ['certificate a.example c.pem k.pem more', /^unexpected argument more/],
  ['demo x', /^unexpected argument x/],
  ['lab --workers 0', /^--workers 0: give a whole number from 1 to 64$/],
  ['lab --accounts 1e3', /^--accounts 1e3: give a whole number/],
  ['lab --backends 0', /needs a member that owns accounts/],
  ['lab --frontends 0', /needs a member that faces clients/],
  ['lab --domain nodot', /give a domain name/],
  ['lab --domain a..b', /give a domain name/],
  ['lab destroy fe1', /^unknown lab action destroy; the actions are kill, stop, start, pause, resume$/],
  ['lab kill', /needs the name of a member/],
  ['lab kill fe1', /needs --base DIR/],
  ['lab kill fe1 fe2 --base /l', /^unexpected argument fe2/],
  ['lab kill fe1 --base /l --workers 2', /takes no --workers/],
];

void t.test('what the arguments ask for', (t) => {
  for (const [args, invocation] of GOOD) t.strictSame(parseFlags(words(args), '/cwd'), invocation, args);
  t.end();
});

void t.test('a mistake is one line that says what to change', (t) => {
  for (const [args, why] of BAD) {
    const invocation = parseFlags(words(args), '/cwd');
    t.match(invocation, { kind: 'bad', why }, args);
    t.notMatch(invocation, { why: /\n/ });
  }
  t.end();
});

void t.test('the help names every flag', (t) => {
  const names = [
    '--Base',
    '--ClusterBackend',
    '--ClusterFrontend',
    '--ClusterSymmetric',
    '--help',
    '--version',
  ];
  for (const name of [...names, '--backends', '--workers', 'postern init', 'postern demo', 'pause'])
    t.ok(helpText().includes(name), name);
  t.end();
});

void t.test('facts that stand in two places are the same', async (t) => {
  const project = join(import.meta.dirname, '..');
  const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as {
    version: string;
  };
  t.equal(VERSION, version);
  const script = await readFile(join(project, 'bin', 'postern'), 'utf8');
  t.equal(/^base_default=(\S+)/m.exec(script)?.[1], BASE_DEFAULT);
  t.equal(/^pool_default=(\d+)/m.exec(script)?.[1], String(SETTINGS.PoolSize.default));
});

function words(args: string): string[] {
  return args === '' ? [] : args.split(' ');
}

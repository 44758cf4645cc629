/**
 * A network of machines on one machine: a bridge, and for each machine a network namespace with an address of its own and a
 * cable to the bridge; who made it stands at the bridge, in a namespace of its own too, as the clients do.
 *
 * It exists inside `isolated` only: a private network, a private table of mounts and a private table of processes. The kernel
 * takes all three away with their first process, and that process goes with whoever started it, also by SIGKILL. So there
 * is nothing to clean up, no name that two runs could both take, and no address that the machine outside can see.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** No command here takes longer, not even on a loaded machine; one that hangs must not hang the test. */
const COMMAND_MS = 60_000;
const BRIDGE = 'br0';
/** Exists in these namespaces only. */
const PREFIX = '10.77.0';
const OURS = `${PREFIX}.1`;
const FIRST_MACHINE = 11;
/** Its own file system, in memory, mounted on a folder with the process id of the test in its name. */
const FOLDER = 'postern-network-';
/** Programs that are not there on every machine, with the Debian package of each. */
const PROGRAMS: readonly (readonly [program: string, packageName: string])[] = [
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['setpriv', 'util-linux'],
];

/** The first process of the namespaces: it stays, so that ended processes without a parent are asked for by somebody. */
const INIT = `
ip link set lo up &&
mkdir -p /run/netns && mount -t tmpfs -o mode=755 postern-test /run/netns &&
mount -t tmpfs -o mode=700 postern-test "$1" || exit 90
cd "$2" && shift 2 && "$@"
exit $?`;

/** Undefined when networks can be made here, else one line that says why not. */
export async function networksFail(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `no network namespaces on ${process.platform}`;
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const [program, packageName] of PROGRAMS)
    if (!(await succeeds('sh', ['-c', `command -v ${program}`])))
      return `there is no ${program}: install the package ${packageName}`;
  const folder = await privateFolder();
  try {
    const script = `${RULES}\nip link add ${BRIDGE} type bridge && ip netns add probe && printf '%s' "$rules" | ip netns exec probe nft -f -`;
    const [program, ...args] = within(folder, ['sh', '-c', script]);
    const why = await failure(program!, args);
    return why === undefined ? undefined : `no network can be made here: ${why}`;
  } finally {
    await rmdir(folder);
  }
}

/** What starts the program and waits for its end: a test, of which it is a part then, or a benchmark. */
export type Runner = {
  spawn(
    command: string,
    args: string[],
    options: { timeout: number; stdio: ['ignore', 'pipe', 'inherit'] },
    name: string,
  ): PromiseLike<unknown>;
};

/** Runs a program inside, for a test one of TAP output; its first argument is an empty folder in memory. */
export async function isolated(
  t: Runner,
  name: string,
  program: string,
  options: { readonly timeoutMs: number },
): Promise<void> {
  const folder = await privateFolder();
  const [command, ...args] = within(folder, [process.execPath, program, folder]);
  try {
    await t.spawn(command!, args, { timeout: options.timeoutMs, stdio: ['ignore', 'pipe', 'inherit'] }, name);
  } finally {
    await rmdir(folder);
  }
}

/** Every machine drops what comes from those in its set, at its door: nothing tells the sender. */
const RULES = `rules='
table inet postern {
  set unheard { type ipv4_addr; }
  chain arriving { type filter hook input priority 0; ip saddr @unheard drop; }
}'`;

export class Network {
  readonly #names: readonly string[];
  /** Receiver → whom it does not hear. */
  readonly #unheard = new Map<string, Set<string>>();

  private constructor(names: readonly string[]) {
    this.#names = names;
    for (const name of names) this.#unheard.set(name, new Set());
  }

  /** Lays it out; inside `isolated`. */
  static async make(names: readonly string[]): Promise<Network> {
    const network = new Network(names);
    const machines = names.flatMap((name, index) => [
      `ip netns add ${name}`,
      `ip link add port${index} type veth peer name eth0 netns ${name}`,
      `ip link set port${index} master ${BRIDGE} up`,
      `ip -n ${name} link set lo up`,
      `ip -n ${name} addr add ${network.address(name)}/24 dev eth0`,
      `ip -n ${name} link set eth0 up`,
      `printf '%s' "$rules" | ip netns exec ${name} nft -f -`,
    ]);
    const bridge = [
      `ip link add ${BRIDGE} type bridge`,
      `ip addr add ${OURS}/24 dev ${BRIDGE}`,
      `ip link set ${BRIDGE} up`,
    ];
    await run('sh', ['-ec', [RULES, ...bridge, ...machines].join('\n')]);
    return network;
  }

  address(name: string): string {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new Error(`no machine ${name}`);
    return `${PREFIX}.${FIRST_MACHINE + index}`;
  }

  /** What to put before a command so that it runs on that machine. It changes no process id and no mount. */
  enter(name: string): readonly string[] {
    return ['nsenter', `--net=/run/netns/${name}`];
  }

  /** Each pair one way: what the first sends does not arrive at the second. All of them at (nearly) the same time. */
  async cut(ways: readonly Way[]): Promise<void> {
    for (const [from, to] of ways) this.#unheard.get(to)!.add(from);
    await this.#apply([...new Set(ways.map(([, to]) => to))]);
  }

  /** Everybody hears everybody. */
  async heal(): Promise<void> {
    const deaf = this.#names.filter((name) => this.#unheard.get(name)!.size > 0);
    for (const name of deaf) this.#unheard.get(name)!.clear();
    await this.#apply(deaf);
  }

  async #apply(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map((name) => {
        const addresses = [...this.#unheard.get(name)!].map((from) => this.address(from)).join(', ');
        // One transaction: there is no moment at which too much or too little is cut.
        const set = [
          'flush set inet postern unheard',
          ...(addresses === '' ? [] : [`add element inet postern unheard { ${addresses} }`]),
        ];
        const [program, ...args] = [...this.enter(name), 'nft', set.join('; ')];
        return run(program, args);
      }),
    );
  }
}

export type Way = readonly [from: string, to: string];

/** Nothing passes between the two groups, in either direction. */
export function between(some: readonly string[], others: readonly string[]): Way[] {
  return some.flatMap((one) =>
    others
      .filter((other) => other !== one)
      .flatMap((other): Way[] => [
        [one, other],
        [other, one],
      ]),
  );
}

/** Nothing from the first group arrives at the second. */
export function oneWay(from: readonly string[], to: readonly string[]): Way[] {
  return from.flatMap((one) => to.filter((other) => other !== one).map((other): Way => [one, other]));
}

/** Setpriv ends unshare with us, unshare ends its child with itself, and with that child ends all that is in there. */
const WITHIN =
  'setpriv --pdeathsig KILL unshare --net --mount --propagation private --pid --fork --kill-child=KILL --mount-proc';

function within(folder: string, command: readonly string[]): readonly string[] {
  return [...WITHIN.split(' '), 'sh', '-c', INIT, 'sh', folder, process.cwd(), ...command];
}

async function privateFolder(): Promise<string> {
  await sweep();
  return mkdtemp(join(tmpdir(), `${FOLDER}${process.pid}-`));
}

/** Of tests that were killed outright only empty folders are left. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(FOLDER)) continue;
    const pid = Number.parseInt(name.slice(FOLDER.length), 10);
    if (!isAlive(pid)) await rmdir(join(tmpdir(), name)).catch(() => undefined); // another test was faster
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return (await failure(program, args)) === undefined;
}

/** The first line of what it said when it failed; undefined when it did not. */
async function failure(program: string, args: readonly string[]): Promise<string | undefined> {
  return run(program, args).then(
    () => undefined,
    (error: Error) => error.message.split('\n').slice(0, 2).join(' '),
  );
}

/** Its output. */
export function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_MS, killSignal: 'SIGKILL' } as const;
    execFile(program, [...args], options, (error, out, said) => {
      if (error === null) resolve(out);
      else reject(new Error(`${program}: ${said.trim() || error.message}`));
    });
  });
}

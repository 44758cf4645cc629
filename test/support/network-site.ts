/**
 * A cluster of real members as an operator sets one up on several machines: `bin/postern`, one base folder each, settings,
 * certificates by `init`, `invite` and `join`. Where the machines are (namespaces, or one machine with many ports) and what
 * their storage is (`prepare` makes each backend's mount) is for the test to say.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { StatusReport } from '../../src/http/report.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { initialise } from '../../src/member/init.ts';
import type { Address } from '../../src/platform/platform.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import { LISTENER_SETTINGS, type SettingName } from '../../src/settings/settings.ts';
import { Cli } from './cli.ts';
import { childrenOf, type Login, type MemberStatusFile, POSTERN, signal, until } from './lab.ts';
import { run } from './network.ts';

export interface Machine {
  readonly name: string;
  readonly role: 'backend' | 'frontend';
  readonly host: string;
  /** What to put before a command so that it runs there. */
  readonly enter: readonly string[];
  /** By setting; `ClusterAddress` always. */
  readonly ports: Readonly<Partial<Record<SettingName, number>>>;
}

export interface SiteOptions {
  /** An empty folder. */
  readonly folder: string;
  readonly machines: readonly Machine[];
  /** For every member, as dictionary text. */
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>;
  /** Mounts a backend's storage at this path. */
  readonly mount: (name: string, path: string) => Promise<void>;
  /** How long a member may take to be ready. */
  readonly readyMs?: number;
  /** The members' certificates: by `init`, `invite` and `join`, or made at once where that would take too long. */
  readonly certificates?: 'invited' | 'made';
}

const FLAGS = { backend: '--ClusterBackend', frontend: '--ClusterFrontend' } as const;
export const POSTMASTER: Login = { login: 'postmaster', password: 'partition-proof' };
const DOMAIN = 'site.example';
const READY_MS = 30_000;
const STOP_MS = 30_000;
const STATUS_MS = 5000;
const LOG_TAIL = 4000;

export class Site {
  readonly machines: readonly Machine[];
  readonly #options: SiteOptions;
  readonly #running = new Map<string, ChildProcess>();

  private constructor(options: SiteOptions) {
    this.#options = options;
    this.machines = options.machines;
  }

  /** Sets it up and starts every member; resolves when all are ready. The first machine is the first member. */
  static async start(options: SiteOptions): Promise<Site> {
    const site = new Site(options);
    try {
      await site.#layOut();
      const [first, ...rest] = options.machines as [Machine, ...Machine[]];
      if (options.certificates === 'made') await site.#certify(first);
      else await site.#postern(first, ['init', '--Base', site.base(first.name)]);
      await site.launch(first.name);
      await site.ready(first.name);
      if (options.certificates !== 'made')
        await Promise.all(rest.map((machine) => site.#invite(first, machine)));
      await Promise.all(rest.map(({ name }) => site.launch(name)));
      await Promise.all(rest.map(({ name }) => site.ready(name)));
      return site;
    } catch (error) {
      site.kill();
      throw error;
    }
  }

  base(name: string): string {
    return join(this.#options.folder, name);
  }

  /** Where a member's storage is mounted. */
  storage(name: string): string {
    return join(this.base(name), 'SharedDomains');
  }

  names(role: Machine['role']): readonly string[] {
    return this.machines.filter((machine) => machine.role === role).map(({ name }) => name);
  }

  address(name: string, setting: SettingName): Address {
    const { host, ports } = this.#machine(name);
    const port = ports[setting];
    if (port === undefined) throw new Error(`${name} has no ${setting}`);
    return { host, port };
  }

  /** Starts the process; it is not ready yet. */
  async launch(name: string): Promise<void> {
    const { enter, role } = this.#machine(name);
    const output = await open(join(this.base(name), 'output.log'), 'a');
    try {
      const [program, ...args] = [...enter, POSTERN, '--Base', this.base(name), FLAGS[role]];
      const child = spawn(program, args, { stdio: ['ignore', output.fd, output.fd] });
      this.#running.set(name, child);
      child.once('exit', () => {
        if (this.#running.get(name) === child) this.#running.delete(name);
      });
    } finally {
      await output.close();
    }
  }

  /** Resolves when the member says that it is ready; rejects with its last words when it ended. */
  async ready(name: string): Promise<void> {
    const readyMs = this.#options.readyMs ?? READY_MS;
    await until(async () => {
      const child = this.#running.get(name);
      if (child === undefined) throw new Error(`${name} ended: ${await this.said(name)}`);
      const status = await this.status(name);
      return status?.state === 'ready' && status.pid === child.pid;
    }, readyMs).catch(async (error: Error) => {
      throw new Error(`${name}: ${error.message}: ${await this.said(name)}`, { cause: error });
    });
  }

  /** What it says of itself; undefined while there is nothing. */
  async status(name: string): Promise<MemberStatusFile | undefined> {
    const text = await readFile(join(this.base(name), 'status.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as MemberStatusFile);
  }

  /** The backend that says of itself that it has control. */
  async controller(): Promise<string> {
    let found: string | undefined;
    await until(async () => {
      for (const name of this.names('backend')) if ((await this.status(name))?.isController) found = name;
      return found !== undefined;
    }, READY_MS);
    return found!;
  }

  /** The supervisor's process id. */
  pid(name: string): number {
    const pid = this.#running.get(name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /** As the kernel has them now. */
  workers(name: string): Promise<readonly number[]> {
    return childrenOf(this.pid(name));
  }

  /** Supervisor and workers at once, or only some of it. Resolves when they are told. */
  async signal(name: string, what: 'all' | 'workers' | 'supervisor', how: NodeJS.Signals): Promise<void> {
    const pids = [
      ...(what === 'workers' ? [] : [this.pid(name)]),
      ...(what === 'supervisor' ? [] : await this.workers(name)),
    ];
    for (const pid of pids) signal(pid, how);
  }

  /** Resolves when the supervisor has ended, whoever ends it. */
  async ended(name: string): Promise<void> {
    const child = this.#running.get(name);
    if (child !== undefined) await once(child, 'exit');
  }

  /** All in good order; SIGKILL for who does not end. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    for (const child of all) child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), STOP_MS);
    const running = all.filter((child) => (child.exitCode ?? child.signalCode) === null);
    await Promise.all(running.map((child) => once(child, 'exit')));
    clearTimeout(late);
  }

  /** The end of what it printed and of its log. */
  async said(name: string): Promise<string> {
    const files = ['output.log', join('Logs', 'postern.log')];
    const texts = await Promise.all(
      files.map((file) => readFile(join(this.base(name), file), 'utf8').catch(() => '')),
    );
    return texts.map((text) => text.slice(-LOG_TAIL)).join('\n');
  }

  /** Makes them through the CLI. */
  async makeAccounts(pwd: Address, count: number): Promise<readonly Login[]> {
    const cli = await Cli.connect(pwd, POSTMASTER);
    try {
      await expect2yz(cli, `CREATEDOMAIN ${DOMAIN} SHARED`);
      const accounts: Login[] = [];
      for (let i = 1; i <= count; i++) {
        const account = { login: `user${i}@${DOMAIN}`, password: `password-of-${i}` };
        await expect2yz(cli, `CREATEACCOUNT ${account.login} {Password="${account.password}";}`);
        accounts.push(account);
      }
      return accounts;
    } finally {
      cli.close();
    }
  }

  /** The cluster as this member shows it to administrators. */
  report(name: string): Promise<StatusReport> {
    const { host, port } = this.address(name, 'AdminListener');
    const { login, password } = POSTMASTER;
    return new Promise((resolve, reject) => {
      const options = {
        host,
        port,
        path: '/status.json',
        auth: `${login}:${password}`,
        rejectUnauthorized: false, // the cluster's own, self-signed
        timeout: STATUS_MS,
      };
      const asked = request(options, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(JSON.parse(text) as StatusReport);
          else reject(new Error(`status ${answer.statusCode}: ${text}`));
        });
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
      asked.end();
    });
  }

  kill(): void {
    for (const child of this.#running.values()) child.kill('SIGKILL');
  }

  #machine(name: string): Machine {
    const machine = this.machines.find((each) => each.name === name);
    if (machine === undefined) throw new Error(`no machine ${name}`);
    return machine;
  }

  async #layOut(): Promise<void> {
    for (const machine of this.machines) {
      const base = this.base(machine.name);
      await mkdir(join(base, 'Settings'), { recursive: true, mode: 0o700 });
      await writeFile(join(base, 'Settings', 'Main.settings'), this.#settings(machine));
      if (machine.role === 'backend') await this.#options.mount(machine.name, this.storage(machine.name));
    }
    const [first] = this.machines;
    await writeFile(
      join(this.base(first!.name), 'Settings', 'Postmaster.password'),
      `${POSTMASTER.password}\n`,
    );
  }

  #settings({ name, host, ports }: Machine): string {
    const backends = this.machines
      .filter(({ role }) => role === 'backend')
      .map((each) => `"${each.host}:${each.ports.ClusterAddress}"`);
    const lines = new Map<string, string>([
      ['MemberName', name],
      ['BackendAddresses', `(${backends.join(', ')})`],
      ['ManagementAddress', `"${host}"`],
      ...LISTENER_SETTINGS.map((setting) => [setting, 'off'] as const),
      ...Object.entries(ports).map(([setting, port]) => [setting, `"${host}:${port}"`] as const),
      ...Object.entries(this.#options.settings ?? {}),
    ]);
    return `{\n${[...lines].map(([key, value]) => `  ${key} = ${value};\n`).join('')}}\n`;
  }

  /** As the lab does: nobody runs yet, so who makes the storage can make everybody's certificate. */
  async #certify({ name }: Machine): Promise<void> {
    const members = this.machines.map((each) => ({
      name: each.name,
      role: each.role,
      base: this.base(each.name),
    }));
    const where = { base: this.base(name), root: this.storage(name), logger: noLogger, members, alone: true };
    await initialise(realPlatform(), where);
  }

  async #invite(host: Machine, guest: Machine): Promise<void> {
    const invite = ['invite', guest.name, FLAGS[guest.role], '--Base', this.base(host.name)];
    const token = (await this.#postern(host, invite)).trim();
    await this.#postern(guest, ['join', token, '--Base', this.base(guest.name)]);
  }

  #postern({ enter }: Machine, args: readonly string[]): Promise<string> {
    const [program, ...rest] = [...enter, POSTERN, ...args];
    return run(program!, rest);
  }
}

async function expect2yz(cli: Cli, command: string): Promise<void> {
  const answer = await cli.run(command);
  if (!answer.startsWith('2')) throw new Error(`${command}: ${answer}`);
}

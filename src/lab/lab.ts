/**
 * A whole cluster on loopback: base folders, one shared storage, members as processes, `lab.json`. Whatever becomes of the
 * process that runs it, no process of its members stays.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { access, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBackendRole } from '../cluster/roles.ts';
import type { LabAction } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { noLogger } from '../lib/logging.ts';
import { initialise } from '../member/init.ts';
import { storageRoot } from '../member/storage.ts';
import type { Address, Platform } from '../platform/platform.ts';
import { SETTINGS_FILE } from '../settings/load.ts';
import { type Act, serveControl } from './control.ts';
import { LAB_FILE, type Login, removeFile, writeLabFile, writeSecret } from './lab-file.ts';
import { MemberProcess } from './member-process.ts';
import { type LabSize, planMembers, portsNeeded, settingsText } from './plan.ts';
import { freePorts } from './ports.ts';
import type { ToReaper } from './reaper.ts';

const REAPER = fileURLToPath(new URL('reaper.ts', import.meta.url));
/** How often the members' status files are looked at. */
const WATCH_MS = 200;
const PASSWORD_OCTETS = 12;
/** In the lab's folder, mode 0600: a lab that is started again on its storage finds its passwords. */
const PASSWORDS_FILE = 'passwords.json';

interface Passwords {
  /** Of `postmaster`, the server administrator. */
  readonly administrator: string;
  /** Of every account of the lab. */
  readonly accounts: string;
}

/** A line for people: who came or went. */
export type Tell = (line: string) => void;

export class Lab implements AsyncDisposable {
  readonly directory: string;
  readonly passwords: Passwords;
  readonly #platform: Platform;
  readonly #members: readonly MemberProcess[];
  readonly #reaper: ChildProcess;
  readonly #tell: Tell;
  readonly #shown = new Map<string, string>();
  #control: AsyncDisposable | undefined;
  #logins: { readonly postmaster: Login; readonly accounts: readonly Login[] } | undefined;
  #written = '';
  #named = '';
  #stopping = false;
  #watching: Promise<void> | undefined;

  /** Lays the folders out and starts every member; resolves when all are ready. */
  static async start(platform: Platform, directory: string, size: LabSize, tell: Tell): Promise<Lab> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    let act: Act = () => Promise.reject(new Failure('unavailable', 'the lab is starting'));
    const control = await serveControl(directory, platform.random, (action, name) => act(action, name));
    let lab: Lab | undefined;
    try {
      await removeFile(join(directory, LAB_FILE));
      const ports = [...(await freePorts(portsNeeded(size), platform.random))];
      const plans = planMembers(directory, size, () => ports.shift() ?? 0);
      for (const plan of plans) {
        await mkdir(join(plan.base, 'Settings'), { recursive: true, mode: 0o700 });
        await writeFile(join(plan.base, SETTINGS_FILE), settingsText(plan, plans, size.workers), {
          mode: 0o600,
        });
        if (isBackendRole(plan.role)) await link(join(directory, 'storage'), storageRoot(plan.base));
      }
      const passwords = await layOutStorage(platform, directory, plans);
      lab = new Lab(platform, directory, passwords, plans, tell);
      lab.#control = control;
      const started = lab;
      act = (action, name) => started.act(action, name);
      await lab.#startAll();
      return lab;
    } catch (error) {
      await (lab ?? control)[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    platform: Platform,
    directory: string,
    passwords: Passwords,
    plans: ReturnType<typeof planMembers>,
    tell: Tell,
  ) {
    this.#platform = platform;
    this.directory = directory;
    this.passwords = passwords;
    this.#tell = tell;
    this.#members = plans.map((plan) => new MemberProcess(plan, platform.clock, () => this.#changed()));
    // A group of its own, so that a terminal's Ctrl-C does not reach it.
    this.#reaper = fork(REAPER, [], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    this.#reaper.on('error', () => undefined);
  }

  get members(): readonly MemberProcess[] {
    return this.#members;
  }

  /** Where a service is, at the first member that has it. */
  service(name: string): Address {
    for (const { status } of this.#members) {
      const address = status?.services[name];
      if (address !== undefined) return address;
    }
    throw new Failure('unavailable', `no member has ${name}`);
  }

  /** The first member with this role. */
  find(role: string): MemberProcess | undefined {
    return this.#members.find(({ plan }) => plan.role === role);
  }

  /** Writes `lab.json`, now and whenever something of it changes. */
  async publish(postmaster: Login, accounts: readonly Login[]): Promise<void> {
    this.#logins = { postmaster, accounts };
    await this.#write();
  }

  /** What `postern lab ACTION NAME` asks for; resolves when it is done, `start` when the member is ready. */
  async act(action: LabAction, name: string): Promise<void> {
    const member = this.#members.find(({ plan }) => plan.name === name);
    if (member === undefined)
      throw new Failure(
        'not-found',
        `no member ${name}; there are ${this.#members.map(({ plan }) => plan.name).join(', ')}`,
      );
    if (action === 'start') {
      await member.start();
      this.#changed();
      await member.ready();
    } else await member[action]();
    this.#tell(`${name}: ${DONE[action]}`);
    await this.#refresh();
    // Who asked for it may read lab.json next.
    await this.#write();
  }

  /** Ends every member in good order, all at a time. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#watching;
    await Promise.all(
      this.#members
        .filter(({ isRunning }) => isRunning)
        .map((member) => member.stop().catch(() => undefined)),
    );
    await this.#control?.[Symbol.asyncDispose]();
    await removeFile(join(this.directory, LAB_FILE));
    this.#nameToReaper();
    if (this.#reaper.connected) this.#reaper.disconnect();
  }

  /** SIGKILL to all. */
  kill(): void {
    this.#stopping = true;
    for (const member of this.#members) void member.kill().catch(() => undefined);
  }

  async #startAll(): Promise<void> {
    for (const member of this.#members) {
      await member.start();
      this.#changed();
    }
    await Promise.all(this.#members.map((member) => member.ready()));
    await this.#refresh();
    this.#watching = this.#watch();
  }

  async #watch(): Promise<void> {
    while (!this.#stopping) {
      await this.#refresh();
      await this.#write();
      await this.#platform.clock.sleep(WATCH_MS);
    }
  }

  async #refresh(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.refresh()));
    this.#changed();
  }

  /** Tells people what changed, and the reaper which processes there are. */
  #changed(): void {
    this.#nameToReaper();
    for (const { plan, status, isRunning } of this.#members) {
      if (!isRunning && !this.#shown.has(plan.name)) continue;
      const state = isRunning ? (status?.state ?? 'starting') : 'gone';
      const now = `${state}${status?.isController === true ? ', controller' : ''}`;
      const before = this.#shown.get(plan.name);
      this.#shown.set(plan.name, now);
      if (before !== undefined && before !== now && !this.#stopping) this.#tell(`${plan.name}: ${now}`);
    }
  }

  #nameToReaper(): void {
    const pids = this.#members.flatMap((member) => member.pids);
    const named = pids.join(' ');
    if (named === this.#named || !this.#reaper.connected) return;
    this.#named = named;
    this.#reaper.send({ pids } satisfies ToReaper, () => undefined);
  }

  async #write(): Promise<void> {
    if (this.#logins === undefined || this.#stopping) return;
    const members = this.#members.map(({ plan, pids: [pid, ...workers], status }) => ({
      name: plan.name,
      role: plan.role,
      pid: pid ?? null,
      workers,
      services: status?.services ?? {},
    }));
    const lab = { members, ...this.#logins };
    const text = JSON.stringify(lab);
    if (text === this.#written) return;
    this.#written = text;
    await writeLabFile(this.directory, lab);
  }
}

const DONE: Readonly<Record<LabAction, string>> = {
  kill: 'killed',
  stop: 'stopped',
  start: 'started',
  pause: 'paused',
  resume: 'resumed',
};

/**
 * The shared storage with the cluster's keys, a certificate for every member, and the passwords. All is kept when the folder is
 * one of an earlier lab; members that are new in it, or have another role now, get theirs from the same authority.
 */
async function layOutStorage(
  platform: Platform,
  directory: string,
  plans: ReturnType<typeof planMembers>,
): Promise<Passwords> {
  const path = join(directory, PASSWORDS_FILE);
  const root = join(directory, 'storage');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined && (await exists(join(root, '.cluster'))))
    throw new Failure(
      'refused',
      `${root} is a storage whose passwords are not known here: give another --base`,
    );
  const passwords = text === undefined ? makePasswords(platform) : (JSON.parse(text) as Passwords);
  const members = plans.map(({ name, role, base }) => ({ name, role, base }));
  const { administrator } = passwords;
  await initialise(platform, {
    base: directory,
    root,
    logger: noLogger,
    password: administrator,
    members,
    alone: true,
  });
  if (text === undefined) await writeSecret(path, JSON.stringify(passwords));
  return passwords;
}

function makePasswords(platform: Platform): Passwords {
  const password = (): string => platform.random.bytes(PASSWORD_OCTETS).toString('base64url');
  return { administrator: password(), accounts: password() };
}

async function link(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

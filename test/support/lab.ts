/** A real cluster for a test: `bin/postern lab` in its own folder, acted on as an operator would, gone when the test ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabDescription } from '../../src/lab/lab-file.ts';
import type { Status as MemberStatusFile } from '../../src/member/status-file.ts';
import type { Address } from '../../src/platform/platform.ts';

export type { Login } from '../../src/lab/lab-file.ts';
export type { Status as MemberStatusFile } from '../../src/member/status-file.ts';

export type LabMember = LabDescription['members'][number];

/** What a test does to the lab's folder before its members start, and how it is undone when they are gone. */
export type Prepare = (base: string) => Promise<() => Promise<void>>;

export const POSTERN = resolve(import.meta.dirname, '../../bin/postern');
/** Between two looks at what nobody tells us about: files, processes that are not our children. */
const LOOK_MS = 20;
/** The lab stops its members one way or the other before. */
const STOP_TIMEOUT_MS = 40_000;

export class Lab {
  readonly base: string;
  readonly #process: ChildProcess;
  readonly #undo: () => Promise<void>;
  #output = '';

  private constructor(base: string, process: ChildProcess, undo: () => Promise<void>) {
    this.base = base;
    this.#process = process;
    this.#undo = undo;
    for (const stream of [process.stdout!, process.stderr!])
      stream.on(
        'data',
        (chunk: Buffer) => void (this.#output = (this.#output + chunk.toString()).slice(-20_000)),
      );
  }

  /** Resolves when all members are ready, that is when lab.json is there. */
  static async start(flags: readonly string[], prepare?: Prepare): Promise<Lab> {
    const base = await mkdtemp(join(tmpdir(), 'postern-lab-'));
    const undo = (await prepare?.(base)) ?? (() => Promise.resolve());
    const process = spawn(POSTERN, ['lab', '--base', base, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const lab = new Lab(base, process, undo);
    for (;;) {
      if (process.exitCode !== null || process.signalCode !== null) {
        await lab.stop();
        throw new Error(`the lab ended with ${process.exitCode ?? process.signalCode}: ${lab.#output}`);
      }
      const found = await lab.file().catch(() => undefined); // not written yet
      if (found !== undefined) return lab;
      await sleep(LOOK_MS);
    }
  }

  /** Where the shared storage is. */
  get storage(): string {
    return join(this.base, 'storage');
  }

  /** As it is now: process ids change when members are started again. */
  async file(): Promise<LabDescription> {
    return JSON.parse(await readFile(join(this.base, 'lab.json'), 'utf8')) as LabDescription;
  }

  /** Of the lab itself; all members descend from it. */
  get pid(): number {
    return this.#process.pid!;
  }

  get output(): string {
    return this.#output;
  }

  async member(name: string): Promise<LabMember> {
    const member = (await this.file()).members.find((each) => each.name === name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  /** What the member itself says. */
  async status(name: string): Promise<MemberStatusFile> {
    return JSON.parse(await readFile(join(this.base, name, 'status.json'), 'utf8')) as MemberStatusFile;
  }

  async service(member: string, service: string): Promise<Address> {
    const address = (await this.member(member)).services[service];
    if (address === undefined) throw new Error(`${member} has no ${service}`);
    return address;
  }

  /** kill, stop, start, pause, resume; resolves when the command has done it. */
  async act(action: 'kill' | 'stop' | 'start' | 'pause' | 'resume', name: string): Promise<void> {
    const command = spawn(POSTERN, ['lab', action, name, '--base', this.base], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    command.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    const [status] = (await once(command, 'exit')) as [number | null];
    if (status !== 0) throw new Error(`lab ${action} ${name}: ${status} ${output}`);
  }

  /** SIGKILL for the worker processes of a member; its supervisor starts new ones. */
  async killWorkers(name: string): Promise<void> {
    for (const pid of await this.workers(name)) signal(pid, 'SIGKILL');
  }

  /** SIGKILL for its supervisor alone: the workers have to find out by themselves. */
  async killSupervisor(name: string): Promise<void> {
    const { pid } = await this.member(name);
    if (pid === null) throw new Error(`${name} does not run`);
    signal(pid, 'SIGKILL');
    await until(async () => (await this.member(name)).pid === null);
  }

  /** As the kernel knows them: lab.json is a moment late. */
  async workers(name: string): Promise<readonly number[]> {
    const { pid } = await this.member(name);
    return pid === null ? [] : childrenOf(pid);
  }

  /** Supervisors and workers of all members. */
  async processes(): Promise<readonly number[]> {
    const { members } = await this.file();
    const all = await Promise.all(
      members.map(async ({ pid }) => (pid === null ? [] : [pid, ...(await childrenOf(pid))])),
    );
    return all.flat();
  }

  /** Stops it as Ctrl-C does; gives the exit status. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    await this.#undo();
    // Its reaper may be ending the last process.
    await rm(this.base, { recursive: true, force: true, maxRetries: 5 });
    return this.#process.exitCode;
  }
}

/** ESRCH is what a process that ended meanwhile gives. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Asks again and again; rejects after `timeoutMs`. */
export async function until(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const endMs = performance.now() + timeoutMs; !(await holds()); await sleep(LOOK_MS))
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${holds.toString()}`);
}

/** R, S, D, T (stopped), Z (ended, not yet asked for) …; undefined: no such process. */
export async function stateOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
}

/** Whether a process has ended, also one whose parent has not asked for its status. */
export async function isGone(pid: number): Promise<boolean> {
  const state = await stateOf(pid);
  return state === undefined || state === 'Z' || state === 'X';
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Children, their children, and so on. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const children = await childrenOf(pid);
  const theirs = await Promise.all(children.map(descendantsOf));
  return [...children, ...theirs.flat()];
}

/** Processes that name a folder on their command line or have a file of it open. */
export async function usersOf(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const uses = async (pid: number): Promise<boolean> => {
    if (await isGone(pid)) return false;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) return true;
    const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const paths = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    return paths.some((path) => path.startsWith(folder));
  };
  const found = await Promise.all(pids.map(async (pid) => ((await uses(pid)) ? [pid] : [])));
  return found.flat().filter((pid) => pid !== process.pid);
}

/** A real cluster for a test: `bin/postern lab` in its own folder, acted on as an operator would, gone when the test ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Address } from '../../src/platform/platform.ts';

export interface LabFile {
  readonly members: readonly LabMember[];
  readonly postmaster: Login;
  readonly accounts: readonly Login[];
}

export interface LabMember {
  readonly name: string;
  readonly role: string;
  readonly pid: number;
  readonly workers: readonly number[];
  readonly services: Readonly<Record<string, Address>>;
}

export interface Login {
  readonly login: string;
  readonly password: string;
}

const POSTERN = resolve(import.meta.dirname, '../../bin/postern');

export class Lab {
  readonly base: string;
  readonly #process: ChildProcess;
  #output = '';

  private constructor(base: string, process: ChildProcess) {
    this.base = base;
    this.#process = process;
    for (const stream of [process.stdout!, process.stderr!])
      stream.on(
        'data',
        (chunk: Buffer) => void (this.#output = (this.#output + chunk.toString()).slice(-20_000)),
      );
  }

  /** Resolves when all members are ready, that is when lab.json is there. */
  static async start(flags: readonly string[]): Promise<Lab> {
    const base = await mkdtemp(join(tmpdir(), 'postern-lab-'));
    const process = spawn(POSTERN, ['lab', '--base', base, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const lab = new Lab(base, process);
    for (;;) {
      if (process.exitCode !== null)
        throw new Error(`the lab ended with ${process.exitCode}: ${lab.#output}`);
      const found = await lab.file().catch(() => undefined); // not written yet
      if (found !== undefined) return lab;
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** As it is now: process ids change when members are started again. */
  async file(): Promise<LabFile> {
    return JSON.parse(await readFile(join(this.base, 'lab.json'), 'utf8')) as LabFile;
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
    const { pid } = await this.member(name);
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    for (const child of children.split(' ').filter((each) => each !== ''))
      process.kill(Number(child), 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
    }
    await rm(this.base, { recursive: true, force: true });
  }
}

/**
 * One member of a lab as processes: started by `bin/postern`, known through its `status.json`, killed, stopped, paused and
 * resumed as a whole. The channel to it is its life line: without the lab it ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROLE_FLAGS } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { STATUS_FILE, type Status } from '../member/status-file.ts';
import type { Clock } from '../platform/platform.ts';
import { removeFile } from './lab-file.ts';
import type { PlannedMember } from './plan.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/postern', import.meta.url));
/** What a member prints: why it did not start is there. */
const OUTPUT_FILE = 'output.log';
const POLL_MS = 50;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const OUTPUT_TAIL = 500;

export class MemberProcess {
  readonly plan: PlannedMember;
  readonly #clock: Clock;
  readonly #onExit: () => void;
  #child: ChildProcess | undefined;
  #status: Status | undefined;

  constructor(plan: PlannedMember, clock: Clock, onExit: () => void) {
    this.plan = plan;
    this.#clock = clock;
    this.#onExit = onExit;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** What it said of itself last; undefined while it does not run. */
  get status(): Status | undefined {
    return this.#status;
  }

  /** Supervisor first. */
  get pids(): readonly number[] {
    const pid = this.#child?.pid;
    return pid === undefined ? [] : [pid, ...(this.#status?.workers ?? [])];
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Failure('refused', `${this.plan.name} runs already`);
    // The one of an earlier life would be taken for the new one's.
    await removeFile(join(this.plan.base, STATUS_FILE));
    const output = await open(join(this.plan.base, OUTPUT_FILE), 'a', 0o600);
    try {
      const child = spawn(PROGRAM, ['--Base', this.plan.base, ROLE_FLAGS[this.plan.role]], {
        stdio: ['ignore', output.fd, output.fd, 'ipc'],
        // A group of its own: a terminal's Ctrl-C is for the lab, which then stops its members one way.
        detached: true,
      });
      this.#child = child;
      const gone = (): void => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#status = undefined;
        this.#onExit();
      };
      child.once('exit', gone);
      child.once('error', gone);
    } finally {
      await output.close();
    }
  }

  /** Resolves when it is ready; Failure with what it printed last when it ended before. */
  async ready(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + READY_TIMEOUT_MS;
    for (;;) {
      await this.refresh();
      if (this.#status?.state === 'ready') return;
      if (this.#child === undefined)
        throw new Failure('unavailable', `${this.plan.name} did not start: ${await this.#said()}`);
      if (this.#clock.monotonicMs() > untilMs)
        throw new Failure(
          'unavailable',
          `${this.plan.name} is not ready after ${READY_TIMEOUT_MS / 1000} s: see ${this.plan.base}/Logs`,
        );
      await this.#clock.sleep(POLL_MS);
    }
  }

  /** Reads its status file. */
  async refresh(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const text = await readFile(join(this.plan.base, STATUS_FILE), 'utf8').catch(() => undefined);
    if (text === undefined || this.#child !== child) return;
    this.#status = JSON.parse(text) as Status;
  }

  /** SIGKILL to all of it, the supervisor first, so that it starts no new worker. */
  async kill(): Promise<void> {
    await this.#signalAll('SIGKILL');
  }

  /** SIGTERM: it drains and stops; SIGKILL when it does not. */
  async stop(): Promise<void> {
    const child = this.#running();
    const exited = once(child, 'exit');
    // One that is paused could not hear it.
    await this.resume();
    child.kill('SIGTERM');
    const timer = this.#clock.timer(STOP_TIMEOUT_MS, () => void this.kill().catch(() => undefined));
    await exited;
    timer.cancel();
  }

  /** SIGSTOP: it stands still, and nobody is told. */
  async pause(): Promise<void> {
    await this.refresh();
    this.#running();
    for (const pid of this.pids) signal(pid, 'SIGSTOP');
  }

  /** The workers first: what their supervisor sees then is what is. */
  async resume(): Promise<void> {
    this.#running();
    for (const pid of this.pids.toReversed()) signal(pid, 'SIGCONT');
  }

  async #signalAll(name: 'SIGKILL'): Promise<void> {
    await this.refresh();
    const child = this.#running();
    const exited = once(child, 'exit');
    for (const pid of this.pids) signal(pid, name);
    await exited;
  }

  #running(): ChildProcess {
    if (this.#child === undefined) throw new Failure('refused', `${this.plan.name} does not run`);
    return this.#child;
  }

  async #said(): Promise<string> {
    const text = await readFile(join(this.plan.base, OUTPUT_FILE), 'utf8').catch(() => '');
    return text.slice(-OUTPUT_TAIL).trim().split('\n').at(-1) ?? '';
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One member as a child of the test: its exit status and its output are seen, which a lab keeps to itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { LISTENER_SETTINGS } from '../../src/settings/settings.ts';
import { POSTERN } from './lab.ts';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface MemberStatus {
  readonly state: string;
  readonly workers: readonly number[];
}

export class Member {
  readonly base: string;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #output = '';
  #isOver = false;

  private constructor(base: string, child: ChildProcess) {
    this.base = base;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => (this.#output += text.toString()));
    // 'close' comes when all output was read.
    this.ended = once(child, 'close').then((how) => {
      const [status, signal] = how as [number | null, NodeJS.Signals | null];
      this.#isOver = true;
      return { status, signal };
    });
  }

  /** `postern --Base BASE FLAGS`; it does not outlive the test. */
  static run(t: Test, base: string, flags: readonly string[]): Member {
    const child = spawn(POSTERN, ['--Base', base, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const member = new Member(base, child);
    t.teardown(async () => {
      child.kill('SIGKILL');
      await member.ended;
    });
    return member;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** All it has printed, line by line. */
  get lines(): readonly string[] {
    return this.#output.split('\n').filter(Boolean);
  }

  /** Resolves when it says that it is ready; rejects with its output when it ends before. */
  async ready(): Promise<void> {
    while (!/ is ready\n/.test(this.#output)) {
      if (this.#isOver) throw new Error(`it ended: ${this.#output}`);
      await Promise.race([once(this.#child.stdout!, 'data'), this.ended]);
    }
  }

  async status(): Promise<MemberStatus> {
    return JSON.parse(await readFile(join(this.base, 'status.json'), 'utf8')) as MemberStatus;
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }
}

/** A base folder with these settings; all listeners that are not among them are off. */
export async function baseFolder(t: Test, settings: Readonly<Record<string, string>>): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'postern-member-'));
  t.teardown(() => rm(base, { recursive: true, force: true, maxRetries: 5 }));
  await mkdir(join(base, 'Settings'));
  const all = new Map<string, string>(LISTENER_SETTINGS.map((each) => [each, 'off']));
  for (const [key, value] of Object.entries(settings)) all.set(key, value);
  const lines = [...all].map(([key, value]) => `  ${key} = ${value};\n`);
  await writeFile(join(base, 'Settings', 'Main.settings'), `{\n${lines.join('')}}\n`);
  return base;
}

/** As settings have it. */
export function quoted({ host, port }: Address): string {
  return `"${host}:${port}"`;
}

/** `postern init`: the folder's storage gets its id. */
export async function initialise(base: string): Promise<void> {
  const child = spawn(POSTERN, ['init', '--Base', base], { stdio: 'ignore' });
  const [status] = (await once(child, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`init: ${status}`);
}

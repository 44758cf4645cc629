/**
 * A cluster whose members run different versions: laid out by the lab of the version to begin with, so that nothing in its folders
 * is from a later one; then each member is a process of the test, replaced on the same base folder as an operator does it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROLE_FLAGS } from '../../src/flags.ts';
import type { LabDescription, Login } from '../../src/lab/lab-file.ts';
import type { Status } from '../../src/member/status-file.ts';
import type { Address } from '../../src/platform/platform.ts';
import type { Version } from './versions.ts';

const LOOK_MS = 50;
/** On a machine that is busy with other tests. */
const READY_MS = 120_000;
const STOP_MS = 120_000;

/** Of the log's levels. */
const WARNING = 40;
const MORE_LENGTH = 300;
/** Around an error: a client waits ten seconds for an owner. */
const BEFORE_MS = 15_000;
const AFTER_MS = 2000;

interface Member {
  readonly name: string;
  readonly flag: string;
  readonly base: string;
  readonly services: Readonly<Record<string, Address>>;
  child: ChildProcess | undefined;
}

/**
 * What is tried here is not how soon a lost member is replaced: leases outlast what a process may wait for a processor on a machine
 * that runs other tests too.
 */
const TIMES = 'Heartbeat = 200ms; ControlLease = 1200ms; SlotLease = 5s;';

async function takeItEasy({ base }: Member): Promise<void> {
  const file = join(base, 'Settings', 'Main.settings');
  await writeFile(file, (await readFile(file, 'utf8')).replace('{', `{ ${TIMES}`));
}

export class Site {
  readonly postmaster: Login;
  readonly accounts: readonly Login[];
  readonly #folder: string;
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(folder: string, { members, postmaster, accounts }: LabDescription) {
    this.#folder = folder;
    this.postmaster = postmaster;
    this.accounts = accounts;
    this.#members = new Map(
      members.map(({ name, role, services }) => [
        name,
        { name, services, flag: ROLE_FLAGS[role], base: join(folder, name), child: undefined },
      ]),
    );
  }

  /** Folders, keys and accounts by a lab of this version, which has ended when it resolves. */
  static async layOut({ program }: Version, flags: readonly string[]): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'postern-rolling-'));
    const lab = spawn(program, ['lab', '--base', folder, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [lab.stdout, lab.stderr])
      stream.on('data', (text: Buffer) => void (output = (output + text.toString()).slice(-5000)));
    const ended = once(lab, 'exit');
    try {
      for (;;) {
        if (lab.exitCode !== null || lab.signalCode !== null) throw new Error(`the lab ended: ${output}`);
        const text = await readFile(join(folder, 'lab.json'), 'utf8').catch(() => undefined); // not written yet
        if (text !== undefined) {
          const site = new Site(folder, JSON.parse(text) as LabDescription);
          await Promise.all([...site.#members.values()].map(takeItEasy));
          return site;
        }
        await sleep(LOOK_MS);
      }
    } finally {
      lab.kill('SIGTERM');
      await ended;
    }
  }

  /** Members with these letters: `be`, `fe`. */
  names(prefix: string): readonly string[] {
    return [...this.#members.keys()].filter((name) => name.startsWith(prefix));
  }

  service(name: string, service: string): Address {
    const address = this.#member(name).services[service];
    if (address === undefined) throw new Error(`${name} has no ${service}`);
    return address;
  }

  /** What the member says of itself; undefined while it does not run. */
  async status(name: string): Promise<Status | undefined> {
    const path = join(this.#member(name).base, 'status.json');
    const text = await readFile(path, 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Status);
  }

  /** Resolves when it is ready. */
  async start(name: string, { program }: Version): Promise<void> {
    const member = this.#member(name);
    const output = await open(join(member.base, 'output.log'), 'a');
    // The channel is its life line: it does not outlive the test.
    const child = spawn(program, ['--Base', member.base, member.flag], {
      stdio: ['ignore', output.fd, output.fd, 'ipc'],
    });
    await output.close();
    member.child = child;
    for (const untilMs = performance.now() + READY_MS; ; await sleep(LOOK_MS)) {
      const status = await this.status(name);
      if (status?.pid === child.pid && status?.state === 'ready') return;
      const said = (): Promise<string> => readFile(join(member.base, 'output.log'), 'utf8');
      if (child.exitCode !== null) throw new Error(`${name} ended: ${(await said()).slice(-1000)}`);
      if (performance.now() > untilMs)
        throw new Error(`${name} is not ready: ${(await said()).slice(-1000)}`);
    }
  }

  /** SIGTERM, which drains; gives its exit status. */
  async stop(name: string): Promise<number | null> {
    const { child } = this.#member(name);
    if (child === undefined) throw new Error(`${name} does not run`);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
    this.#member(name).child = undefined;
    return child.exitCode;
  }

  /** Decisions of the cluster and warnings around these moments, for whoever has to find out why a client saw an error. */
  async happened(at: readonly number[]): Promise<readonly string[]> {
    const lines: (readonly [ms: number, text: string])[] = [];
    for (const { name, base } of this.#members.values()) {
      const log = await readFile(join(base, 'Logs', 'postern.log'), 'utf8').catch(() => '');
      for (const line of log.split('\n').filter(Boolean)) {
        const { time, level, event, msg, ...more } = JSON.parse(line) as Readonly<Record<string, unknown>>;
        if (event === undefined && Number(level) < WARNING) continue;
        const ms = typeof time === 'number' ? time : Date.parse(String(time));
        if (!at.some((each) => ms > each - BEFORE_MS && ms < each + AFTER_MS)) continue;
        lines.push([ms, `${name}: ${String(event ?? msg)} ${JSON.stringify(more).slice(0, MORE_LENGTH)}`]);
      }
    }
    return lines.sort(([a], [b]) => a - b).map(([ms, text]) => `${new Date(ms).toISOString()} ${text}`);
  }

  /** Ends all that runs, at once, and removes the folder. */
  async end(): Promise<void> {
    const running = [...this.#members.values()].flatMap(({ child }) => (child === undefined ? [] : [child]));
    await Promise.all(
      running.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }),
    );
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }
}

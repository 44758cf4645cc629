/**
 * A lab for sessions that outlive their owners: who owns which account at the moment, whom each account's log has been
 * written by, and the ways in which an owner is lost. Whatever is lost comes back.
 */
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askLab } from '../../src/lab/control.ts';
import type { Address } from '../../src/platform/platform.ts';
import { findFirstRecord } from '../../src/store/log/first-record.ts';
import { Lab, type Login, signal, until } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';
import { MailProgram } from './mail-program.ts';

export const BACKENDS = ['be1', 'be2', 'be3'];
export const FRONTENDS = ['fe1', 'fe2'];
const READY_MS = 90_000;
/** SlotLease and its margin, the lease's grant and a moment: the accounts of whoever stands still for so long have gone. */
const PAUSE_MS = 3000;
/** Both copies of a first record of a few files. */
const FIRST_OCTETS = 4096;

export type Loss = 'worker killed' | 'worker paused' | 'drained' | 'supervisor killed' | 'member killed';

/** Of every kind some, the quick ones most of the time. */
export function drawLoss(random: Prng): Loss {
  const drawn = random.below(20);
  if (drawn < 13) return 'worker killed';
  if (drawn < 16) return 'drained';
  if (drawn < 18) return 'worker paused';
  return drawn < 19 ? 'supervisor killed' : 'member killed';
}

export interface Owner {
  readonly member: string;
  /** Of the worker. */
  readonly pid: number;
}

export class Bed {
  readonly lab: Lab;
  readonly accounts: readonly Login[];
  readonly #services: ReadonlyMap<string, Address>;

  private constructor(lab: Lab, accounts: readonly Login[], services: ReadonlyMap<string, Address>) {
    this.lab = lab;
    this.accounts = accounts;
    this.#services = services;
  }

  /** Three backends and two frontends. More sessions of an account than the default allows: `sessionsMax`. */
  static async start(accounts: number, sessionsMax?: number): Promise<Bed> {
    const lab = await Lab.start(['--backends', '3', '--frontends', '2', '--accounts', String(accounts)]);
    try {
      if (sessionsMax !== undefined) await raiseSessions(lab, sessionsMax);
      const file = await lab.file();
      const services = new Map<string, Address>();
      for (const { name, services: theirs } of file.members)
        for (const [service, address] of Object.entries(theirs)) services.set(`${name} ${service}`, address);
      return new Bed(lab, file.accounts, services);
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  stop(): Promise<number | null> {
    return this.lab.stop();
  }

  /** Ports stay when a member is started again. */
  address(member: string, service: string): Address {
    const address = this.#services.get(`${member} ${service}`);
    if (address === undefined) throw new Error(`${member} has no ${service}`);
    return address;
  }

  /** The `index`-th client's: they take turns. */
  door(index: number, service = 'imap'): Address {
    return this.address(FRONTENDS[index % FRONTENDS.length]!, service);
  }

  /** The backend whose worker has the account's log open; a log that rests is written to, so that it is. */
  async ownerOf(account: Login): Promise<Owner> {
    for (const untilMs = performance.now() + READY_MS; ; ) {
      const owner = await this.#writing(account);
      if (owner !== undefined) return owner;
      if (performance.now() > untilMs) throw new Error(`nobody owns ${account.login}`);
      await this.#touch(account);
    }
  }

  /** Changes nothing that a session of these tests looks at. */
  async #touch(account: Login): Promise<void> {
    const program = await MailProgram.open(this.door(0), account).catch(() => undefined); // no owner just now
    await program?.command('UNSUBSCRIBE INBOX');
    await program?.command('SUBSCRIBE INBOX');
    program?.close();
  }

  async #writing({ login }: Login): Promise<Owner | undefined> {
    const name = `/${login.split('@')[0]!}.macnt/`;
    for (const member of BACKENDS)
      for (const pid of await this.lab.workers(member)) {
        const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
        const paths = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
        if (paths.some((path) => path.includes(name))) return { member, pid };
      }
    return undefined;
  }

  /** The incarnation that wrote the newest file of the account's log that has a whole first record. */
  async writerOf({ login }: Login): Promise<string> {
    const [user, domain] = login.split('@') as [string, string];
    const folder = join(this.lab.storage, domain, `${user}.macnt`);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
    for (const file of files.toReversed()) {
      const found = findFirstRecord((await readFile(join(folder, file))).subarray(0, FIRST_OCTETS));
      if (found.kind === 'whole') return found.first.incarnation;
    }
    return '';
  }

  /** Resolves when the owner is lost; `back` when the member is there again and ready. */
  async lose(loss: Loss, member: string): Promise<{ readonly back: Promise<void> }> {
    switch (loss) {
      case 'worker killed': {
        const pids = await this.lab.workers(member);
        for (const pid of pids) signal(pid, 'SIGKILL');
        return { back: this.#readyWithout(member, pids) };
      }
      case 'worker paused': {
        const pids = await this.lab.workers(member);
        for (const pid of pids) signal(pid, 'SIGSTOP');
        return { back: this.#resumed(member, pids) };
      }
      case 'drained':
        await askLab(this.lab.base, 'stop', member);
        break;
      case 'supervisor killed':
        await this.lab.killSupervisor(member);
        break;
      case 'member killed':
        await askLab(this.lab.base, 'kill', member);
        break;
      default:
        loss satisfies never;
    }
    return { back: this.#started(member) };
  }

  async #started(member: string): Promise<void> {
    // On a machine with much else to do a member needs longer than the lab waits for it.
    await askLab(this.lab.base, 'start', member).catch(() => undefined);
    await until(async () => (await this.#state(member)) === 'ready', READY_MS);
  }

  async #resumed(member: string, pids: readonly number[]): Promise<void> {
    try {
      await sleep(PAUSE_MS); // what is tested is that time passes
    } finally {
      for (const pid of pids) signal(pid, 'SIGCONT');
    }
    await until(async () => (await this.#state(member)) === 'ready', READY_MS);
  }

  async #readyWithout(member: string, pids: readonly number[]): Promise<void> {
    await until(async () => {
      const status = await this.lab.status(member).catch(() => undefined); // being written
      return status?.state === 'ready' && status.workers.every((pid) => !pids.includes(pid));
    }, READY_MS);
  }

  async #state(member: string): Promise<string | undefined> {
    return (await this.lab.status(member).catch(() => undefined))?.state; // being written
  }
}

/** The setting is read when a member starts. */
async function raiseSessions(lab: Lab, sessionsMax: number): Promise<void> {
  for (const member of BACKENDS) {
    const file = join(lab.base, member, 'Settings', 'Main.settings');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('{', `{\n  MaxSessionsPerAccount = ${sessionsMax};`));
    await askLab(lab.base, 'stop', member);
    await askLab(lab.base, 'start', member);
  }
}

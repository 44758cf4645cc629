/**
 * How long accounts are not served when something dies, stalls or is cut off: a mail program for each account asks all the
 * time, and the longest time without an answer counts. Used by the fault test (few tries) and by bench/interruption.ts (many).
 *
 * A fault is inflicted only when nothing moves: every slot has an owner, every backend its share, and the map stays the same.
 * A slot that moves at that very moment to whoever is lost would be counted among those of others, and its account waits for
 * the end of a lease.
 */
import { readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../../src/http/report.ts';
import { type Login, type MemberStatusFile, signal, until } from '../support/lab.ts';
import { Asker, type Door } from './asker.ts';

/** A cluster whose members can be hurt; `cutOff` and `cutStorage` where it has the means. */
export interface Cluster {
  readonly backends: readonly string[];
  readonly frontends: readonly string[];
  readonly accounts: readonly Login[];
  readonly doors: readonly Door[];
  /** What the member says of itself; undefined while it does not run. */
  status(member: string): Promise<MemberStatusFile | undefined>;
  /** The cluster as a member shows it. */
  report(member: string): Promise<StatusReport>;
  /** As the kernel has them now. */
  workers(member: string): Promise<readonly number[]>;
  /** SIGKILL for all of it at once, or for its supervisor alone. Resolves when that has ended. */
  kill(member: string, what: 'all' | 'supervisor'): Promise<void>;
  /** Resolves when it is ready. */
  start(member: string): Promise<void>;
  /** SIGSTOP and SIGCONT for all of it. */
  pause(member: string): Promise<void>;
  resume(member: string): Promise<void>;
  /** All packets from and to it are dropped; resolves to what undoes that. */
  cutOff?(member: string): Promise<Undo>;
  /** No call of its storage is answered any more. */
  cutStorage?(member: string): Promise<Undo>;
}

type Undo = () => Promise<void>;

interface Fault {
  readonly of: 'backend' | 'controller' | 'frontend';
  /** It is looked at for at least so long: by then leases have run out, or the death was seen. */
  readonly watchMs: number;
  /** What not every cluster has. */
  readonly needs?: 'cutOff' | 'cutStorage';
  readonly inflict: (cluster: Cluster, member: string) => Promise<Undo>;
}

async function killed(cluster: Cluster, member: string, what: 'all' | 'supervisor'): Promise<Undo> {
  await cluster.kill(member, what);
  return () => cluster.start(member);
}

const FAULTS = {
  'worker killed': {
    of: 'backend',
    watchMs: 1000,
    inflict: async (cluster, member) => {
      for (const pid of await cluster.workers(member)) signal(pid, 'SIGKILL');
      return () => Promise.resolve(); // its supervisor starts another
    },
  },
  'supervisor killed': {
    of: 'backend',
    watchMs: 1500,
    inflict: (cluster, member) => killed(cluster, member, 'supervisor'),
  },
  'controller killed': {
    of: 'controller',
    watchMs: 2500,
    inflict: (cluster, member) => killed(cluster, member, 'all'),
  },
  'machine lost': {
    of: 'backend',
    watchMs: 3500,
    needs: 'cutOff',
    inflict: (cluster, member) => cluster.cutOff!(member),
  },
  'controller machine lost': {
    of: 'controller',
    watchMs: 3500,
    needs: 'cutOff',
    inflict: (cluster, member) => cluster.cutOff!(member),
  },
  paused: {
    of: 'backend',
    watchMs: 10_000,
    inflict: async (cluster, member) => {
      await cluster.pause(member);
      return () => cluster.resume(member);
    },
  },
  'storage cut': {
    of: 'backend',
    watchMs: 4500,
    needs: 'cutStorage',
    inflict: (cluster, member) => cluster.cutStorage!(member),
  },
  'frontend killed': {
    of: 'frontend',
    watchMs: 500,
    inflict: (cluster, member) => killed(cluster, member, 'all'),
  },
} as const satisfies Record<string, Fault>;

export type Kind = keyof typeof FAULTS;
export const KINDS = Object.keys(FAULTS) as readonly Kind[];

export interface Interruption {
  readonly kind: Kind;
  /** UTC, when it was inflicted: to find it in the members' logs. */
  readonly at: string;
  /** Who was hit. */
  readonly member: string;
  /** Accounts that it had: of a frontend, those whose clients were there. */
  readonly accounts: number;
  /** Longest time without an answer over these; null when there was none. */
  readonly ownMs: number | null;
  /** The same over all other accounts. */
  readonly othersMs: number;
  /** Longest time from a question to its answer over all other accounts. */
  readonly othersSlowestMs: number;
  /** Whose that was. */
  readonly othersSlowest: string;
  /** Answers other than OK, and sessions that the server ended. */
  readonly refused: readonly string[];
  readonly closed: number;
}

/** By then all is served again, or the aim is missed by far and the bench stops. */
const PATIENCE_MS = 60_000;
/** Moves go on while members come and go; by then they are over, also on a slow machine. */
const SETTLE_MS = 120_000;
/** The map has not changed for so long: the next planned move would have come. */
const QUIET_MS = 300;
const WELL_MS = 400;
/** A backend has its share when it is not further away from it: the controller begins to move slots at a tenth. */
const SLACK = 0.12;

export class Interruptions {
  readonly #cluster: Cluster;
  readonly #askers: readonly Asker[];
  #count = 0;

  private constructor(cluster: Cluster, askers: readonly Asker[]) {
    this.#cluster = cluster;
    this.#askers = askers;
  }

  static async begin(cluster: Cluster): Promise<Interruptions> {
    const askers = cluster.accounts.map((account, index) => new Asker(account, cluster.doors, index));
    const interruptions = new Interruptions(cluster, askers);
    await interruptions.#settled();
    return interruptions;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#askers.map((asker) => asker.stop()));
  }

  /** Whether this cluster has the means for it. */
  can(kind: Kind): boolean {
    const { needs } = FAULTS[kind] as Fault;
    return needs === undefined || this.#cluster[needs] !== undefined;
  }

  /** One try. All is as before when it resolves but that slots are still on the move: the next one waits for them. */
  async inflict(kind: Kind): Promise<Interruption> {
    await this.#settled();
    const fault: Fault = FAULTS[kind];
    const { member, own } = await this.#victim(fault.of);
    for (const asker of this.#askers) asker.begin();
    const at = new Date().toISOString();
    const startMs = performance.now();
    const undo = await fault.inflict(this.#cluster, member);
    try {
      const hurtMs = performance.now();
      await sleep(fault.watchMs);
      const isServed = (): boolean => this.#askers.every((asker) => asker.isServed(WELL_MS, hurtMs));
      await until(() => Promise.resolve(isServed()), PATIENCE_MS);
      return { kind, at, member, ...this.#seen(own, startMs) };
    } finally {
      await undo();
    }
  }

  #seen(own: ReadonlySet<Asker>, startMs: number): Omit<Interruption, 'kind' | 'at' | 'member'> {
    const others = this.#askers.filter((asker) => !own.has(asker));
    const slowest = others.toSorted((a, b) => b.slowest(startMs).ms - a.slowest(startMs).ms)[0];
    const longest = (askers: Iterable<Asker>): number =>
      round(Math.max(0, ...[...askers].map((asker) => asker.longestGapMs(startMs))));
    return {
      accounts: own.size,
      ownMs: own.size === 0 ? null : longest(own),
      othersMs: longest(others),
      othersSlowestMs: round(slowest?.slowest(startMs).ms ?? 0),
      othersSlowest: slowest?.account.login ?? '',
      refused: this.#askers.flatMap(({ refused }) => refused),
      closed: this.#askers.reduce((sum, { closed }) => sum + closed, 0),
    };
  }

  /** They take turns, so that no try waits for what the one before has left behind. */
  async #victim(of: Fault['of']): Promise<{ readonly member: string; readonly own: ReadonlySet<Asker> }> {
    const turn = this.#count++;
    const { frontends, backends } = this.#cluster;
    if (of === 'frontend') {
      const member = frontends[turn % frontends.length]!;
      return { member, own: new Set(this.#askers.filter(({ door }) => door === member)) };
    }
    const controller = await this.#controller();
    const possible = of === 'controller' ? [controller] : backends.filter((name) => name !== controller);
    const owned = await Promise.all(
      possible.map(async (member) => ({ member, own: await this.#ownedBy(member) })),
    );
    const owners = owned.filter(({ own }) => own.size > 0);
    const from = owners.length > 0 ? owners : owned;
    return from[turn % from.length]!;
  }

  async #controller(): Promise<string> {
    let found: string | undefined;
    await until(async () => {
      for (const name of this.#cluster.backends)
        if ((await this.#cluster.status(name))?.isController === true) found = name;
      return found !== undefined;
    }, SETTLE_MS);
    return found!;
  }

  /** The accounts whose logs its workers have open: all are written to, all the time. */
  async #ownedBy(member: string): Promise<ReadonlySet<Asker>> {
    const open = (await Promise.all((await this.#cluster.workers(member)).map(openFiles))).flat();
    const isOwn = ({ account: { login } }: Asker): boolean =>
      open.some((path) => path.includes(`/${login.split('@')[0]!}.macnt/`));
    return new Set(this.#askers.filter(isOwn));
  }

  /** Everybody is ready, every slot has an owner, nothing has moved for a while, every client is served where it belongs. */
  async #settled(): Promise<void> {
    const { backends, frontends } = this.#cluster;
    let quiet: { readonly version: number; readonly sinceMs: number } | undefined;
    await until(async () => {
      const states = await Promise.all([...backends, ...frontends].map((name) => this.#cluster.status(name)));
      const isReady = states.every((status) => status?.state === 'ready');
      const report = isReady ? await this.#cluster.report(frontends[0]!).catch(() => undefined) : undefined;
      if (report === undefined || !isEven(report, backends)) {
        quiet = undefined;
        return false;
      }
      for (const asker of this.#askers) asker.goHome();
      if (quiet?.version !== report.mapVersion)
        quiet = { version: report.mapVersion, sinceMs: performance.now() };
      if (performance.now() - quiet.sinceMs < QUIET_MS) return false;
      return this.#askers.every((asker) => asker.isHome && asker.isServed(WELL_MS, -Infinity));
    }, SETTLE_MS);
  }
}

function isEven({ current, slots, members }: StatusReport, backends: readonly string[]): boolean {
  if (!current || slots.owned !== slots.total) return false;
  const share = slots.total / backends.length;
  return backends.every((name) => {
    const member = members.find((each) => each.name === name);
    return member !== undefined && !member.draining && Math.abs(member.slots - share) <= share * SLACK;
  });
}

async function openFiles(pid: number): Promise<readonly string[]> {
  const open = await readdir(`/proc/${pid}/fd`).catch(() => []); // it has ended
  return Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

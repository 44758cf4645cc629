/**
 * A whole cluster in one world, arranged as its shape says: each member a supervisor and one to three workers on a machine
 * of its own, and what the operating systems do for them: a dead supervisor's workers stop, a dead child is reported and
 * replaced, a dead supervisor is started again.
 */
import { initStorage } from '../../../src/cluster/storage/check.ts';
import type { Logger } from '../../../src/lib/logging.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Address } from '../../../src/platform/platform.ts';
import { type Incarnation, SLOTS } from '../../../src/store/ids.ts';
import type { FileTree } from '../../support/file-tree.ts';
import type { Bug } from '../bugs/bug.ts';
import type { Faults } from '../faults.ts';
import type { Machine, SimProcess } from '../machine.ts';
import { World } from '../world.ts';
import { LeaseWatch } from './lease-watch.ts';
import {
  BUS_PORT,
  ROOT,
  type RunningSupervisor,
  type RunningWorker,
  type Surroundings,
  startSupervisor,
  startWorker,
} from './member.ts';
import { Promises } from './promises.ts';
import { type Sabotage, Saboteur, SUPERVISOR } from './saboteur.ts';
import { type Duty, describeShape, type Shape } from './shape.ts';

/** The weather of the first start. */
const CERTAIN: Partial<Faults> = {
  lostReply: 0,
  ioError: 0,
  noSpace: 0,
  answerLost: 0,
  stallConnection: 0,
  killConnection: 0,
};
const SEATED = { endedMs: 0, restartAtMs: 0 } as const;
/** How often the operating systems look after their processes. */
const LOOK_EVERY_MS = 20;
/** Who was taken for dead and is not goes on for so long: longer than any lease it may believe in. */
const GOES_ON_MS = 2500;
/** A supervisor starts a worker again, and an init system a supervisor, after this. */
const RESTART_MS: readonly [number, number] = [20, 300];
/** Longer than a lease, and than a process calls itself ready that has heard no controller, by the slowest clock. */
const BELIEVES_MS = 3500;
/** A restart that comes so soon after the end is a fast one. */
const FAST_MS = 100;
/** A worker notices the end of its supervisor this much later, when it runs. */
const NOTICED_MS: readonly [number, number] = [1, 200];
const PROBLEMS_MAX = 20;

export interface ClusterOptions {
  readonly seed: number;
  readonly bug: Bug;
  readonly shape: Shape;
  readonly faults: Partial<Faults>;
  readonly traceLines?: number;
  /** Puts the logs of all processes into the trace. */
  readonly logs?: boolean;
}

interface Seat<R> {
  running: R;
  /** When its end was noticed, and when it is started again; 0 while it runs. */
  endedMs: number;
  restartAtMs: number;
}

interface WorkerSeat extends Seat<RunningWorker> {
  readonly name: string;
  /** Its supervisor has died; it ends as soon as it learns of it. */
  isOrphan: boolean;
  /** How often it was started while an orphan of its name stood still. */
  orphans: number;
}

interface Member {
  readonly machine: Machine;
  readonly duty: Duty;
  readonly supervisor: Seat<RunningSupervisor>;
  readonly workers: readonly WorkerSeat[];
}

export class Cluster {
  readonly world: World;
  readonly promises = new Promises();
  readonly saboteur: Saboteur;
  readonly #leases = new LeaseWatch();
  readonly machines: readonly Machine[];
  /** The storage that counts. */
  readonly tree: FileTree;
  members: readonly Member[] = [];
  #stillAtMs = -Infinity;
  /** The errors that owners told their operators, and leases of two at a time. */
  readonly problems: string[] = [];
  readonly #takenForDead = new Map<Incarnation, number>();
  readonly #options: ClusterOptions;
  readonly #around: Surroundings;

  constructor(options: ClusterOptions) {
    const { seed, bug, faults, traceLines, shape } = options;
    this.#options = options;
    this.world = new World({ seed, faults, ...(traceLines === undefined ? {} : { traceLines }) });
    this.world.note(describeShape(shape));
    this.machines = shape.members.map(({ name, duty }) =>
      this.world.machine(name, { storage: duty === 'alone' ? 'own' : 'shared' }),
    );
    this.tree = this.machines[0]!.disk.server.tree;
    this.tree.makeDirectory(ROOT);
    const seeds = shape.members.filter(({ duty }) => duty !== 'faces').map(({ name }) => this.#seed(name));
    this.saboteur = new Saboteur(this.world, bug.sabotage ?? sabotageFor(shape.fence));
    this.#around = {
      world: this.world,
      saboteur: this.saboteur,
      bug,
      shape,
      seeds,
      promises: this.promises,
      leases: this.#leases,
      requests: new Set(),
      logger: (process) => this.#logger(process),
    };
  }

  #seed(name: string): Address {
    return { host: this.world.machine(name).host, port: BUS_PORT };
  }

  /** The storage is made; resolves when every slot is owned and every worker ready. */
  async start(limitMs: number): Promise<void> {
    const { world } = this;
    const { platform } = this.machines[0]!.process('init');
    const storm = world.faults;
    // The explicit first start is a person's, who would see an error and start again.
    world.setFaults(CERTAIN);
    await world.settle(initStorage(platform.fs, platform.random, { root: ROOT }), limitMs);
    this.members = this.#options.shape.members.map(({ name, duty, workers }) => {
      const machine = world.machine(name);
      return {
        machine,
        duty,
        supervisor: { ...SEATED, running: startSupervisor(machine.process(SUPERVISOR), duty, this.#around) },
        workers: Array.from({ length: workers }, (_, i) => ({
          ...SEATED,
          name: `w${i + 1}`,
          isOrphan: false,
          orphans: 0,
          running: startWorker(machine.process(`w${i + 1}`), duty, this.#around),
        })),
      };
    });
    this.#lookAfter();
    await world.run(() => this.isServing(), { untilMs: world.nowMs + limitMs });
    world.setFaults(storm);
  }

  /** Where clients are served. */
  get hosts(): readonly string[] {
    return this.#options.shape.members
      .filter(({ duty }) => duty !== 'owns')
      .map(({ name }) => this.world.machine(name).host);
  }

  /**
   * Begins a look; what it gives tells, at its end, whether the look is surely not older than its beginning. A machine
   * whose clock stood still believes in its leases for up to a lease longer, and StorageFence covers what it commits, not
   * what it reads: until it hears that it lost them it may show what was, which is old and was never taken back.
   */
  beginLook(): () => boolean {
    const startMs = this.world.nowMs;
    return () => this.#stillAtMs < startMs - BELIEVES_MS;
  }

  /** Slots held by workers that are there. */
  heldSlots(): number {
    let held = 0;
    for (const { running } of this.#workers())
      if (!running.process.crashed) held += running.node?.slots() ?? 0;
    return held;
  }

  isServing(): boolean {
    if (this.heldSlots() !== SLOTS) return false;
    for (const { running } of this.#workers())
      if (running.process.crashed || running.node?.isReady() !== true) return false;
    return true;
  }

  *#workers(): Generator<WorkerSeat> {
    for (const { workers } of this.members) yield* workers;
  }

  /** For the message of a failing seed. */
  describe(): string {
    return this.members
      .map(({ machine, workers, supervisor }) => {
        const { node, process } = supervisor.running;
        const heard = node?.controller();
        return [
          `${machine.name} ${machine.state}`,
          ...workers.map(({ name, running }) => {
            const state = running.process.crashed ? 'crashed' : `ready ${running.node?.isReady()}`;
            return `${name} ${state}, ${running.node?.slots() ?? 'no node,'} slots, refusal ${running.node?.refusal()}`;
          }),
          `supervisor ${process.crashed ? 'crashed' : 'up'}, hears ${heard?.member}/${heard?.controlEpoch}`,
          `in control ${node?.isController() === true}`,
        ].join(', ');
      })
      .join('\n');
  }

  #lookAfter(): void {
    if (this.machines.some(({ clock }) => clock.isStill)) this.#stillAtMs = this.world.nowMs;
    for (const member of this.members) this.#look(member);
    const problems = this.#leases.look(this.world.nowMs);
    if (this.problems.length < PROBLEMS_MAX)
      this.problems.push(...problems.map((what) => `${this.world.nowMs.toFixed(1)} ms: ${what}`));
    this.world.schedule(LOOK_EVERY_MS, 'operating systems', () => this.#lookAfter());
  }

  #look(member: Member): void {
    const { machine, supervisor, workers, duty } = member;
    if (this.#options.bug.takesPausedForDead)
      for (const seat of workers) this.#takePausedForDead(member, seat);
    if (supervisor.running.process.crashed) {
      // The channels to its workers end, and with them the workers, as soon as they run and learn of it.
      for (const seat of workers) {
        const { process } = seat.running;
        if (seat.isOrphan || process.crashed) continue;
        seat.isOrphan = true;
        // Counted from when it runs: one that stands still goes on for a moment when it is woken.
        const noticedMs = this.#between(NOTICED_MS);
        process.later(0, 'channel ended', () =>
          process.later(noticedMs, 'end of supervisor noticed', () => process.crash()),
        );
      }
      if (!this.#isDue(supervisor, machine)) return;
      supervisor.running = startSupervisor(machine.process(SUPERVISOR), duty, this.#around);
      // A new supervisor knows nothing of what an old one started.
      for (const seat of workers) this.#startWorker(member, seat);
      return;
    }
    for (const seat of workers) {
      const { process, incarnation } = seat.running;
      if (!process.crashed) continue;
      if (seat.restartAtMs === 0) {
        const { node, process: parent } = supervisor.running;
        parent.deliver('child exit', () => node?.workerExited(incarnation));
      }
      // A supervisor that stands still starts nobody.
      if (this.#isDue(seat, machine) && !supervisor.running.process.paused) this.#startWorker(member, seat);
    }
  }

  /** Notes the end of a process, and says when it is time to start it again. */
  #isDue(seat: Seat<unknown>, machine: Machine): boolean {
    const { nowMs } = this.world;
    if (machine.state !== 'up') return false;
    if (seat.restartAtMs === 0) {
      seat.endedMs = nowMs;
      seat.restartAtMs = nowMs + this.#between(RESTART_MS);
    }
    if (nowMs < seat.restartAtMs) return false;
    if (nowMs - seat.endedMs < FAST_MS) this.world.counters.add('fast-restart');
    seat.restartAtMs = 0;
    return true;
  }

  #between([low, high]: readonly [number, number]): number {
    return low + (high - low) * this.world.random.unit();
  }

  #startWorker({ machine, duty }: Member, seat: WorkerSeat): void {
    const { process } = seat.running;
    // One that stands still may go on for a moment when it is woken, beside who took its place.
    if (!process.crashed) seat.orphans++;
    const name = seat.orphans === 0 ? seat.name : `${seat.name}.${seat.orphans}`;
    seat.running = startWorker(machine.process(name), duty, this.#around);
    seat.isOrphan = false;
    seat.restartAtMs = 0;
  }

  /** A bug's. Who goes on after it was taken for dead is ended some time later, so that the member has a worker again. */
  #takePausedForDead({ supervisor }: Member, { running }: WorkerSeat): void {
    const { process, incarnation } = running;
    if (process.crashed) return;
    if (process.paused) {
      this.#takenForDead.set(incarnation, this.world.nowMs);
      const { node, process: parent } = supervisor.running;
      parent.deliver('child exit', () => node?.workerExited(incarnation));
    } else if (this.world.nowMs - (this.#takenForDead.get(incarnation) ?? Infinity) > GOES_ON_MS)
      process.crash();
  }

  #logger(process: SimProcess): Logger {
    const note = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (/is damaged|both copies/.test(message))
        this.problems.push(`${process.label}: ${message} ${text(fields)}`);
      if (this.#options.logs === true)
        this.world.note(`  [${process.label}] ${level} ${message} ${text(fields)}`);
    };
    const logger: Logger = {
      ...noLogger,
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
      child: () => logger,
    };
    return logger;
  }
}

/** Without StorageFence, machines whose clocks stand still are not covered (architecture, section 3, rule 3). */
function sabotageFor(fence: boolean): readonly Sabotage[] {
  return [
    'crash',
    'crash',
    'pause',
    'crash-machine',
    'orphan',
    ...(fence ? (['freeze-machine'] as const) : []),
  ];
}

function text(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value));
}

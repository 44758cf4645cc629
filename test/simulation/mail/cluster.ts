/**
 * A whole cluster in one world: three backends and one or two frontends, each a supervisor and a worker on a machine of
 * its own, and what the operating systems do for them: a dead supervisor's workers stop, a dead child is reported and
 * replaced, a dead supervisor is started again.
 */
import { initStorage } from '../../../src/cluster/node.ts';
import type { Logger } from '../../../src/lib/logging.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { type Incarnation, SLOTS } from '../../../src/store/ids.ts';
import type { Faults } from '../faults.ts';
import type { Machine, SimProcess } from '../machine.ts';
import { World } from '../world.ts';
import {
  BUS_PORT,
  type Duty,
  ROOT,
  type RunningSupervisor,
  type RunningWorker,
  type Surroundings,
  startSupervisor,
  startWorker,
} from './member.ts';
import type { Plant } from './plant.ts';
import { Promises } from './promises.ts';
import { type Sabotage, Saboteur } from './saboteur.ts';

/** How often the operating systems look after their processes. */
const LOOK_EVERY_MS = 20;
/** Who was taken for dead and is not goes on for so long: longer than any lease it may believe in. */
const GOES_ON_MS = 2500;
/** A supervisor starts a worker again, and an init system a supervisor, after this. */
const RESTART_MS: readonly [number, number] = [20, 300];
/** A slot's lease by the slowest clock, and a look's interval. */
const BELIEVES_MS = 2400;
const SUPERVISOR = 'sup';
const WORKER = 'w';

export interface ClusterOptions {
  readonly seed: number;
  readonly plant: Plant;
  readonly fence: boolean;
  readonly frontends: number;
  readonly faults: Partial<Faults>;
  readonly traceLines?: number;
  /** Puts the logs of all processes into the trace. */
  readonly logs?: boolean;
}

interface Member {
  readonly machine: Machine;
  readonly duty: Duty;
  supervisor: RunningSupervisor;
  worker: RunningWorker;
  restartAtMs: number;
}

export class Cluster {
  readonly world: World;
  readonly promises = new Promises();
  readonly saboteur: Saboteur;
  readonly machines: readonly Machine[];
  members: readonly Member[] = [];
  #stillAtMs = -Infinity;
  /** The errors that owners told their operators. */
  readonly damage: string[] = [];
  readonly #takenForDead = new Map<Incarnation, number>();
  readonly #options: ClusterOptions;
  readonly #around: Surroundings;
  readonly #duties: readonly { readonly machine: Machine; readonly duty: Duty }[];

  constructor(options: ClusterOptions) {
    const { seed, plant, faults, traceLines, fence, frontends } = options;
    this.#options = options;
    this.world = new World({ seed, faults, ...(traceLines === undefined ? {} : { traceLines }) });
    this.world.storage.tree.makeDirectory(ROOT);
    const machines = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => this.world.machine(`${prefix}${i + 1}`));
    const backends = machines('be', 3);
    this.saboteur = new Saboteur(this.world, plant.sabotage ?? sabotageFor(fence));
    this.#around = {
      saboteur: this.saboteur,
      plant,
      fence,
      promises: this.promises,
      seeds: backends.map(({ host }) => ({ host, port: BUS_PORT })),
      logger: (process) => this.#logger(process),
    };
    this.#duties = [
      ...backends.map((machine) => ({ machine, duty: 'owns' as const })),
      ...machines('fe', frontends).map((machine) => ({ machine, duty: 'faces' as const })),
    ];
    this.machines = this.#duties.map(({ machine }) => machine);
  }

  /** The storage is made; resolves when every slot is owned and every worker ready. */
  async start(limitMs: number): Promise<void> {
    const { world } = this;
    const { platform } = world.machine('init').process('init');
    const storm = world.faults;
    // The explicit first start is a person's, who would see an error and start again.
    world.setFaults({ lostReply: 0, ioError: 0, noSpace: 0 });
    await world.settle(initStorage(platform.fs, platform.random, { root: ROOT }), limitMs);
    this.members = this.#duties.map(({ machine, duty }) => ({
      machine,
      duty,
      supervisor: startSupervisor(machine.process(SUPERVISOR), duty, this.#around),
      worker: startWorker(machine.process(WORKER), duty, this.#around),
      restartAtMs: 0,
    }));
    this.#lookAfter();
    await world.run(() => this.isServing(), { untilMs: world.nowMs + limitMs });
    world.setFaults(storm);
  }

  get hosts(): readonly string[] {
    return this.#duties.filter(({ duty }) => duty === 'faces').map(({ machine }) => machine.host);
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
    return this.members.reduce(
      (sum, { worker }) => sum + (worker.process.crashed ? 0 : (worker.node?.slots() ?? 0)),
      0,
    );
  }

  isServing(): boolean {
    return (
      this.heldSlots() === SLOTS &&
      this.members.every(({ worker }) => !worker.process.crashed && worker.node?.isReady() === true)
    );
  }

  /** For the message of a failing seed. */
  describe(): string {
    return this.members
      .map(({ machine, worker, supervisor }) => {
        const { node } = worker;
        const heard = supervisor.node?.controller();
        return [
          `${machine.name} ${machine.state}: worker ${worker.process.crashed ? 'crashed' : 'up'}`,
          `${node?.slots() ?? 'no node,'} slots, ready ${node?.isReady()}, refusal ${node?.refusal()}`,
          `supervisor ${supervisor.process.crashed ? 'crashed' : 'up'}, hears ${heard?.member}/${heard?.controlEpoch}`,
          `in control ${supervisor.node?.isController() === true}`,
        ].join(', ');
      })
      .join('\n');
  }

  #lookAfter(): void {
    if (this.machines.some(({ clock }) => clock.isStill)) this.#stillAtMs = this.world.nowMs;
    for (const member of this.members) this.#look(member);
    this.world.schedule(LOOK_EVERY_MS, 'operating systems', () => this.#lookAfter());
  }

  #look(member: Member): void {
    const { machine, supervisor, worker, duty } = member;
    if (this.#options.plant.takesPausedForDead) this.#takePausedForDead(member);
    // The channel to its supervisor ends, and with it the worker.
    if (supervisor.process.crashed && !worker.process.crashed) worker.process.crash();
    if (machine.state !== 'up' || !worker.process.crashed) return;
    if (member.restartAtMs === 0) {
      const [low, high] = RESTART_MS;
      member.restartAtMs = this.world.nowMs + low + (high - low) * this.world.random.unit();
      if (!supervisor.process.crashed)
        supervisor.process.deliver('child exit', () => supervisor.node?.workerExited(worker.incarnation));
    }
    if (this.world.nowMs < member.restartAtMs) return;
    if (supervisor.process.crashed)
      member.supervisor = startSupervisor(machine.process(SUPERVISOR), duty, this.#around);
    // A supervisor that stands still starts nobody.
    else if (supervisor.process.paused) return;
    member.worker = startWorker(machine.process(WORKER), duty, this.#around);
    member.restartAtMs = 0;
  }

  /** A plant's. Who goes on after it was taken for dead is ended some time later, so that the member has a worker again. */
  #takePausedForDead({ supervisor, worker }: Member): void {
    const { process, incarnation } = worker;
    if (process.crashed) return;
    if (process.paused) {
      this.#takenForDead.set(incarnation, this.world.nowMs);
      supervisor.process.deliver('child exit', () => supervisor.node?.workerExited(incarnation));
    } else if (this.world.nowMs - (this.#takenForDead.get(incarnation) ?? Infinity) > GOES_ON_MS)
      process.crash();
  }

  #logger(process: SimProcess): Logger {
    const note = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (/is damaged|both copies/.test(message))
        this.damage.push(`${process.label}: ${message} ${text(fields)}`);
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
  return ['crash', 'crash', 'pause', 'crash-machine', ...(fence ? (['freeze-machine'] as const) : [])];
}

function text(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value));
}

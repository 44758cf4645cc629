/**
 * Three members (supervisor and worker each) on the simulated platform, without the store: what they show, by which leases,
 * and what is promised of that (docs/architecture.md, section 6, invariants 1, 2, 5).
 */
import type { Test as T } from 'tap';
import { createBus } from '../../src/cluster/bus/bus.ts';
import { initStorage } from '../../src/cluster/storage/check.ts';
import { createSupervisorNode } from '../../src/cluster/supervisor-node.ts';
import type { ClusterTimes, SupervisorNode, WorkerNode } from '../../src/cluster/types.ts';
import { createWorkerNode } from '../../src/cluster/worker-node.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { Incarnation, Slot } from '../../src/store/ids.ts';
import type { Lease } from '../../src/store/log/types.ts';
import { TestHolder, TestSettings } from '../cluster/cluster.ts';
import type { Prng } from '../support/prng.ts';
import type { Faults } from './faults.ts';
import type { Machine, SimProcess } from './machine.ts';
import { World } from './world.ts';

const ROOT = '/shared';
/** Moves are quicker than in production, so that a run has more harm in it and fewer events. */
const TIMES = { movesPerSecond: 4000, movesAtOnce: 256, rebalanceAfterMs: 300 };
const PORT = 7000;
export const NAMES = ['be1', 'be2', 'be3'];
/** Slots looked at, of the 4096: all behave alike. */
const WATCHED = Array.from({ length: 64 }, (_, i) => (i * 61) as Slot);

interface RunningWorker {
  readonly machine: Machine;
  readonly process: SimProcess;
  readonly incarnation: Incarnation;
  readonly holder: TestHolder;
  node: WorkerNode | undefined;
}

/** A machine whose clock stood still believes for so long what is over. */
export const FROZEN_MS = 3500;

type Shower = Pick<WorkerNode, 'isReady' | 'settings'>;

/** What is not as on every member of every cluster. */
export interface Variant {
  /** Life connections prove deaths; else only the exit of a child does. */
  readonly lifeProofs?: boolean;
  /** Members that go by other times than the rest: a mistake of their settings. */
  readonly times?: Readonly<Record<string, Partial<ClusterTimes>>>;
}

export class Simulation {
  readonly world: World;
  readonly settings = new TestSettings();
  readonly workers = new Map<string, RunningWorker>();
  readonly supervisors = new Map<string, { process: SimProcess; node: SupervisorNode | undefined }>();
  /** True time of the last end of a freeze, by machine: its clock stood still, which only the storage fence covers. */
  readonly frozenAt = new Map<string, number>();
  readonly epochs = new Map<Slot, number>();
  readonly acknowledged = new Map<string, string>();
  readonly broken: string[] = [];
  readonly #ids: Prng;
  readonly #faults: Partial<Faults>;

  readonly #variant: Variant;

  constructor(seed: number, faults: Partial<Faults>, variant: Variant = {}) {
    this.world = new World({ seed, faults });
    this.#variant = variant;
    this.#faults = faults;
    this.#ids = this.world.random.fork('ids');
  }

  async start(): Promise<void> {
    this.world.storage.tree.makeDirectory(ROOT);
    const { platform } = this.world.machine('init').process('init');
    // The explicit first start is a person's, who would see an error and start again.
    this.world.setFaults({ lostReply: 0 });
    await this.world.settle(initStorage(platform.fs, platform.random, { root: ROOT }), 10_000);
    this.world.setFaults(this.#faults);
    for (const name of NAMES) this.world.machine(name);
    for (const name of NAMES) this.restart(this.world.machine(name), 'sup');
    for (const name of NAMES) this.restart(this.world.machine(name), 'w');
  }

  restart(machine: Machine, name: string): void {
    if (machine.state === 'off') return;
    if (name === 'sup') void this.#supervisor(machine);
    else void this.#worker(machine);
  }

  #times({ name }: Machine): Partial<ClusterTimes> {
    return { ...TIMES, ...this.#variant.times?.[name] };
  }

  get #seeds() {
    return NAMES.map((name) => ({ host: this.world.machine(name).host, port: PORT }));
  }

  #self(machine: Machine, role: 'supervisor' | 'worker') {
    return { member: machine.name, role, incarnation: this.#ids.bytes(16).toString('hex') as Incarnation };
  }

  async #supervisor(machine: Machine): Promise<void> {
    const process = machine.process('sup');
    const { platform } = process;
    const running: { process: SimProcess; node: SupervisorNode | undefined } = { process, node: undefined };
    this.supervisors.set(machine.name, running);
    const bus = await createBus({
      platform,
      self: this.#self(machine, 'supervisor'),
      listen: { host: machine.host, port: PORT },
      logger: noLogger,
    });
    running.node = createSupervisorNode({
      platform,
      bus,
      role: 'backend',
      seeds: this.#seeds,
      storage: { root: ROOT },
      logger: noLogger,
      times: this.#times(machine),
      openSettings: this.settings.open,
      lifeProofs: this.#variant.lifeProofs ?? false,
    });
  }

  async #worker(machine: Machine): Promise<void> {
    const process = machine.process('w');
    const { platform } = process;
    const self = this.#self(machine, 'worker');
    const holder = new TestHolder();
    const running: RunningWorker = {
      machine,
      process,
      holder,
      incarnation: self.incarnation,
      node: undefined,
    };
    this.workers.set(machine.name, running);
    const listen = { host: machine.host, port: 0 };
    const bus = await createBus({ platform, self, listen, logger: noLogger });
    running.node = await createWorkerNode({
      platform,
      bus,
      holder,
      pid: 1,
      storage: { root: ROOT },
      logger: noLogger,
      times: this.#times(machine),
      supervisor: { host: machine.host, port: PORT },
      ...(this.#variant.lifeProofs === true && { lifeHost: machine.host }),
    });
  }

  /** What the operating system of a member does: a dead supervisor's workers stop, a dead worker is told and replaced. */
  supervise(): void {
    for (const name of NAMES) {
      const worker = this.workers.get(name)!;
      const supervisor = this.supervisors.get(name)!;
      if (supervisor.process.crashed && !worker.process.crashed) worker.process.crash();
      const { machine } = worker;
      if (machine.state !== 'up') continue;
      if (supervisor.process.crashed) this.restart(machine, 'sup');
      else if (worker.process.crashed && supervisor.node !== undefined) {
        supervisor.node.workerExited(worker.incarnation);
        this.restart(machine, 'w');
      }
    }
  }

  /** The safety properties, at this true time. */
  check(t: T): boolean {
    for (const slot of WATCHED) {
      const showing = [...this.workers.values()].flatMap((worker) => this.#showing(worker, slot));
      if (showing.length > 1) {
        t.fail(`slot ${slot} held twice at ${this.world.nowMs}`, { trace: this.world.trace.text(80) });
        return false;
      }
      const epoch = showing[0]?.epoch ?? 0;
      if (epoch !== 0 && epoch < (this.epochs.get(slot) ?? 0)) {
        t.fail(`slot ${slot} shown with epoch ${epoch} after ${this.epochs.get(slot)}`);
        return false;
      }
      if (epoch !== 0) this.epochs.set(slot, epoch);
    }
    return true;
  }

  /** Leases by which this worker could show something now. A machine whose clock stood still has the storage fence. */
  #showing({ process, machine, holder }: RunningWorker, slot: Slot): Lease[] {
    const lease = holder.leases.get(slot);
    if (lease === undefined || process.crashed || machine.state !== 'up' || !lease.held()) return [];
    return this.world.nowMs - (this.frozenAt.get(machine.name) ?? -Infinity) < FROZEN_MS ? [] : [lease];
  }

  /** "A settings change is answered when every ready member shows it": who is ready and does not. */
  notShowing(key: string, value: string): readonly string[] {
    const lacks = (
      { process, machine }: { process: SimProcess; machine: Machine },
      node: Shower | undefined,
    ) =>
      node?.isReady() === true &&
      !process.crashed &&
      machine.state === 'up' &&
      this.world.nowMs - (this.frozenAt.get(machine.name) ?? -Infinity) >= FROZEN_MS &&
      String(node.settings.value(key)) !== value;
    return NAMES.flatMap((name) => {
      const worker = this.workers.get(name)!;
      const { process, node } = this.supervisors.get(name)!;
      const found = lacks(worker, worker.node) ? [`worker of ${name}`] : [];
      return lacks({ process, machine: worker.machine }, node) ? [...found, `supervisor of ${name}`] : found;
    });
  }

  /** Every worker shows every acknowledged change. */
  allShown(): boolean {
    return [...this.acknowledged].every(([key, value]) =>
      [...this.workers.values()].every(({ node }) => String(node?.settings.value(key)) === value),
    );
  }

  /** For the message of a failing seed. */
  describe(): string {
    return NAMES.map((name) => {
      const { node, holder, process } = this.workers.get(name)!;
      const sup = this.supervisors.get(name)!;
      return [
        `${name}: ${holder.held().length} held, ${holder.leases.size} known; worker ${process.crashed ? 'crashed' : 'up'}`,
        `refusal ${node?.refusal()}, controller ${node?.controller()?.member}/${node?.controller()?.controlEpoch}`,
        `settings ${node?.settings.version}; supervisor ${sup.process.crashed ? 'crashed' : 'up'}`,
        `controller ${sup.node?.controller()?.member}/${sup.node?.controller()?.controlEpoch}`,
        `in control ${sup.node?.isController()}`,
      ].join(', ');
    }).join('\n');
  }

  heldSlots(): number {
    return [...this.workers.values()].reduce(
      (sum, worker) => sum + (worker.process.crashed ? 0 : worker.holder.held().length),
      0,
    );
  }
}

/**
 * Does harm to a world, one harm at a time as the seed says, and undoes each before the next: any single member dies,
 * pauses or is cut off, at any instant (docs/architecture.md, section 6). What it is allowed to do, the test names.
 */
import type { Prng } from '../support/prng.ts';
import type { Machine, SimProcess } from './machine.ts';
import type { World } from './world.ts';

export type Harm =
  | 'crash-process'
  | 'pause-process'
  | 'crash-machine'
  /** The machine stands, its clock goes on. */
  | 'pause-machine'
  /** The machine stands, and its clock with it. */
  | 'freeze-machine'
  | 'cut-one-way'
  | 'isolate'
  | 'cut-storage'
  | 'stop-storage'
  | 'fill-storage';

export const EVERY_HARM: readonly Harm[] = [
  'crash-process',
  'pause-process',
  'crash-machine',
  'pause-machine',
  'freeze-machine',
  'cut-one-way',
  'isolate',
  'cut-storage',
  'stop-storage',
  'fill-storage',
];

export interface NemesisOptions {
  readonly harms?: readonly Harm[];
  /** Who may be harmed; all machines of the world by default. */
  readonly machines?: readonly Machine[];
  /** True time between the end of one harm and the next. */
  readonly restMs: readonly [number, number];
  /** How long a harm lasts; a crashed process or machine is started again after this. */
  readonly lastsMs: readonly [number, number];
  /** Starts a process of this name again on a machine that is up. */
  readonly restart: (machine: Machine, name: string) => void;
}

export class Nemesis {
  readonly #world: World;
  readonly #options: NemesisOptions;
  readonly #random: Prng;
  #isActive = false;
  #undo: (() => void) | undefined;
  #count = 0;

  constructor(world: World, options: NemesisOptions) {
    this.#world = world;
    this.#options = options;
    this.#random = world.random.fork('nemesis');
  }

  /** Number of harms done so far. */
  get count(): number {
    return this.#count;
  }

  start(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#rest();
  }

  /** Undoes what lasts and does no more. */
  stop(): void {
    this.#isActive = false;
    this.#undo?.();
    this.#undo = undefined;
  }

  #rest(): void {
    this.#world.schedule(this.#between(this.#options.restMs), 'nemesis', () => {
      if (!this.#isActive) return;
      const undo = this.#harm(this.#random.pick(this.#options.harms ?? EVERY_HARM));
      this.#count++;
      this.#undo = undo;
      this.#world.schedule(this.#between(this.#options.lastsMs), 'nemesis undoes', () => {
        if (this.#undo !== undo) return;
        undo();
        this.#undo = undefined;
        if (this.#isActive) this.#rest();
      });
    });
  }

  /** Does it, and gives what undoes it. */
  #harm(harm: Harm): () => void {
    const { network, storage } = this.#world;
    const machines = this.#options.machines ?? this.#world.machines;
    const machine = this.#random.pick(machines);
    switch (harm) {
      case 'crash-process':
        return this.#crashProcess(machine);
      case 'pause-process': {
        const process = this.#pickProcess(machine);
        process?.pause();
        return () => process?.resume();
      }
      case 'crash-machine':
        return this.#crashMachine(machine);
      case 'pause-machine':
        machine.pause('running');
        return () => machine.resume();
      case 'freeze-machine':
        machine.pause('still');
        return () => machine.resume();
      case 'cut-one-way': {
        const other = this.#random.pick(this.#world.machines.filter((other) => other !== machine));
        if (other === undefined) return () => undefined;
        const [from, to] = this.#random.chance(0.5) ? [machine, other] : [other, machine];
        network.cut(from, to);
        return () => network.heal(from, to);
      }
      case 'isolate':
        network.isolate(machine);
        return () => network.rejoin(machine);
      case 'cut-storage':
        machine.cutStorage();
        return () => machine.healStorage();
      case 'stop-storage':
        storage.stop();
        return () => storage.start();
      case 'fill-storage':
        storage.isFull = true;
        return () => {
          storage.isFull = false;
        };
    }
    harm satisfies never;
  }

  /** A machine may have lost all its processes to somebody else's harm. */
  #pickProcess(machine: Machine): SimProcess | undefined {
    return machine.processes.length === 0 ? undefined : this.#random.pick(machine.processes);
  }

  #crashProcess(machine: Machine): () => void {
    const process = this.#pickProcess(machine);
    if (process === undefined) return () => undefined;
    process.crash();
    return () => this.#options.restart(machine, process.name);
  }

  #crashMachine(machine: Machine): () => void {
    const names = machine.processes.map(({ name }) => name);
    machine.crash();
    return () => {
      machine.start();
      for (const name of names) this.#options.restart(machine, name);
    };
  }

  #between([low, high]: readonly [number, number]): number {
    return low + (high - low) * this.#random.unit();
  }
}

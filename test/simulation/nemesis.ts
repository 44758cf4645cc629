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
  | 'fill-storage'
  /** Crashes a process at the n-th thing that happens to it from now on. */
  | 'crash-at-event'
  /** Crashes a process again and again, as soon as it has been started. */
  | 'flap-process'
  /** Two machines do not reach each other at all. */
  | 'cut-pair'
  /** The machines are in two parts. */
  | 'split'
  /** Everything on one machine's way to another takes a second or two. */
  | 'slow-way'
  | 'half-cut-storage'
  | 'slow-storage'
  | 'failing-storage'
  | 'vanished-storage'
  /** Calls that have nothing to do with the storage hold most or all threads of a process's pool. */
  | 'fill-pool'
  /** A machine stands for so long that all it had is others'; then these lose their power, and it goes on alone. */
  | 'overtaken'
  /** The same, with its clock standing too. */
  | 'overtaken-frozen';

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
  'crash-at-event',
  'flap-process',
  'cut-pair',
  'split',
  'slow-way',
  'half-cut-storage',
  'slow-storage',
  'failing-storage',
  'vanished-storage',
  'fill-pool',
  'overtaken',
  'overtaken-frozen',
];

/** Until the others have everything that a machine had: a lease, the margin, a grant. */
const OVERTAKEN_MS: readonly [number, number] = [2500, 3400];
const STORAGE_STATES = {
  'slow-storage': 'slow',
  'failing-storage': 'failing',
  'vanished-storage': 'vanished',
} as const;
const CRASH_EVENTS_MAX = 500;
const FLAPS_MAX = 4;
const FLAP_MS: readonly [number, number] = [20, 250];
/** A slow way: longer than a heartbeat, up to about a lease. */
const SLOW_WAY_MS: readonly [number, number] = [150, 1900];
const THREADS_HELD: readonly [number, number] = [6, 8];

export interface NemesisOptions {
  readonly harms?: readonly Harm[];
  /** Who may be harmed; all machines of the world by default. */
  readonly machines?: readonly Machine[];
  /** True time between the end of one harm and the next. */
  readonly restMs: readonly [number, number];
  /** How long a harm lasts; a crashed process or machine is started again after this. */
  readonly lastsMs: readonly [number, number];
  /** Some last so long instead: beyond a lease. */
  readonly long?: { readonly share: number; readonly lastsMs: readonly [number, number] };
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
      const harm = this.#random.pick(this.#options.harms ?? EVERY_HARM);
      const undo = this.#harm(harm);
      this.#count++;
      this.#undo = undo;
      this.#world.schedule(this.#howLongMs(harm), 'nemesis undoes', () => {
        if (this.#undo !== undo) return;
        undo();
        this.#undo = undefined;
        if (this.#isActive) this.#rest();
      });
    });
  }

  #howLongMs(harm: Harm): number {
    const { lastsMs, long } = this.#options;
    if (harm === 'overtaken' || harm === 'overtaken-frozen') return OVERTAKEN_MS[1] + this.#between(lastsMs);
    return this.#between(long !== undefined && this.#random.chance(long.share) ? long.lastsMs : lastsMs);
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
        const other = this.#pickOther(machine);
        if (other === undefined) return () => undefined;
        const [from, to] = this.#random.chance(0.5) ? [machine, other] : [other, machine];
        network.cut(from, to);
        return () => network.heal(from, to);
      }
      case 'isolate':
        network.isolate(machine);
        return () => network.rejoin(machine);
      case 'crash-at-event': {
        const process = this.#pickProcess(machine);
        if (process === undefined) return () => undefined;
        process.crashAtEvent(this.#random.between(1, CRASH_EVENTS_MAX));
        // It comes when it comes, perhaps in the middle of the next harm.
        return () => {
          if (process.crashed) this.#options.restart(machine, process.name);
        };
      }
      case 'flap-process':
        return this.#flap(machine);
      case 'cut-pair': {
        const other = this.#pickOther(machine);
        if (other === undefined) return () => undefined;
        network.cutBoth(machine, other);
        return () => network.healBoth(machine, other);
      }
      case 'split': {
        const part = this.#world.machines.filter((each) => each === machine || this.#random.chance(0.4));
        network.split(part);
        return () => {
          for (const each of part) network.rejoin(each);
        };
      }
      case 'slow-way': {
        const other = this.#pickOther(machine);
        if (other === undefined) return () => undefined;
        network.slow(machine, other, this.#between(SLOW_WAY_MS));
        return () => network.slow(machine, other, 0);
      }
      case 'half-cut-storage':
        machine.cutStorage(this.#random.pick(['requests', 'replies'] as const));
        return () => machine.healStorage();
      case 'slow-storage':
      case 'failing-storage':
      case 'vanished-storage': {
        machine.harmStorage(STORAGE_STATES[harm]);
        return () => machine.healStorage();
      }
      case 'overtaken':
        return this.#overtaken(machine, 'running');
      case 'overtaken-frozen':
        return this.#overtaken(machine, 'still');
      case 'fill-pool': {
        const process = this.#pickProcess(machine);
        return process?.fs.holdThreads(this.#random.between(...THREADS_HELD)) ?? (() => undefined);
      }
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

  #pickOther(machine: Machine): Machine | undefined {
    const others = this.#world.machines.filter((other) => other !== machine);
    return others.length === 0 ? undefined : this.#random.pick(others);
  }

  #overtaken(machine: Machine, clock: 'running' | 'still'): () => void {
    machine.pause(clock);
    const others = (this.#options.machines ?? this.#world.machines).filter((other) => other !== machine);
    const names = new Map(others.map((other) => [other, other.processes.map(({ name }) => name)]));
    let isOver = false;
    const turn = (): void => {
      if (isOver) return;
      for (const other of others) other.crash();
      machine.resume();
    };
    this.#world.schedule(this.#between(OVERTAKEN_MS), 'nemesis: the others lose power', turn);
    return () => {
      isOver = true;
      machine.resume();
      for (const other of others) {
        if (other.state !== 'off') continue;
        other.start();
        for (const name of names.get(other) ?? []) this.#options.restart(other, name);
      }
    };
  }

  /** Whoever is started on the machine in place of one that crashed crashes soon too. */
  #flap(machine: Machine): () => void {
    const first = this.#pickProcess(machine);
    if (first === undefined) return () => undefined;
    let left = this.#random.between(2, FLAPS_MAX);
    let isOver = false;
    const crash = (): void => {
      if (isOver || left-- === 0) return;
      machine.processes.find(({ name }) => name === first.name)?.crash();
      this.#world.schedule(this.#between(FLAP_MS), 'nemesis flaps', crash);
    };
    crash();
    return () => {
      isOver = true;
      this.#options.restart(machine, first.name);
    };
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

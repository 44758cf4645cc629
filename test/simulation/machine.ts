/**
 * Machines and the processes on them. A process gets its platform here, and everything that ever happens to it (timers,
 * completed calls, octets) comes through `deliver`: nothing once it has crashed, later while it or its machine is paused.
 */
import type { Platform } from '../../src/platform/platform.ts';
import type { Prng } from '../support/prng.ts';
import { MachineClock, ProcessClock } from './clock.ts';
import { DiskClient } from './disk/client.ts';
import { SimFs } from './disk/fs.ts';
import { ProcessNet } from './net/net.ts';
import type { World } from './world.ts';

/** A clock that is off by more than this is counted. */
const NOTABLE_RATE = 0.01;

export class Machine {
  readonly world: World;
  readonly name: string;
  /** Its address in the simulated network; 127.0.0.1 is the machine itself. */
  readonly host: string;
  readonly clock: MachineClock;
  readonly disk: DiskClient;
  readonly #processes = new Map<string, SimProcess>();
  #state: 'up' | 'paused' | 'off' = 'up';
  #pausedMs = 0;

  constructor(world: World, name: string, host: string, storage: 'shared' | 'own') {
    this.world = world;
    this.name = name;
    this.host = host;
    this.clock = new MachineClock(world, world.random.fork(`clock ${name}`));
    this.disk = new DiskClient(world, this, storage);
    if (Math.abs(this.clock.rate - 1) > NOTABLE_RATE) world.counters.add('clock-rate');
  }

  get state(): 'up' | 'paused' | 'off' {
    return this.#state;
  }

  /** The running process of that name; a new one when there is none or it has crashed. */
  process(name: string): SimProcess {
    const running = this.#processes.get(name);
    if (running !== undefined && !running.crashed) return running;
    if (this.#state === 'off') throw new Error(`machine ${this.name} is off`);
    const process = new SimProcess(this.world, this, name);
    this.#processes.set(name, process);
    return process;
  }

  /** Every process that has not crashed. */
  get processes(): readonly SimProcess[] {
    return [...this.#processes.values()].filter((process) => !process.crashed);
  }

  /** Freezes the machine, kernel and all, as a virtual machine is frozen. Its clock goes on, or stands still with it. */
  pause(clock: 'running' | 'still' = 'running'): void {
    if (this.#state !== 'up') return;
    this.world.note(`pause machine ${this.name}, clock ${clock}`);
    this.world.counters.add(clock === 'still' ? 'machine-freeze' : 'machine-pause');
    this.#state = 'paused';
    this.#pausedMs = this.world.nowMs;
    if (clock === 'still') this.clock.stop();
    this.world.network.watch();
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.world.note(`resume machine ${this.name}`);
    this.world.lasted(this.#pausedMs);
    this.clock.start();
    this.#state = 'up';
    for (const process of this.processes) process.catchUp();
    this.world.network.changed();
    this.disk.changed();
  }

  /** Power off: nothing in memory survives, nobody is told. */
  crash(): void {
    if (this.#state === 'off') return;
    this.world.note(`crash machine ${this.name}`);
    this.world.counters.add('machine-crash');
    this.clock.start();
    this.#state = 'off';
    this.world.network.machineLost(this);
    for (const process of this.processes) process.vanish();
    this.disk.machineLost();
  }

  /** Power on again, without any process. */
  start(): void {
    if (this.#state !== 'off') return;
    this.world.note(`start machine ${this.name}`);
    this.clock.reboot();
    this.#state = 'up';
    this.world.network.changed();
  }

  /**
   * Cuts this machine from the storage server only. Calls hang, and finish with success after the healing. With one way
   * cut they are carried out meanwhile and not answered ('replies'), or those under way still are answered ('requests').
   */
  cutStorage(way: 'both' | 'requests' | 'replies' = 'both'): void {
    this.world.note(`cut storage of ${this.name}: ${way}`);
    this.world.counters.add(way === 'both' ? 'storage-cut' : 'storage-half-cut');
    this.disk.cut = way;
  }

  /** The storage of this machine is slow, answers EIO, or is an empty directory where the mount was. */
  harmStorage(state: 'slow' | 'failing' | 'vanished'): void {
    this.world.note(`storage of ${this.name} is ${state}`);
    this.world.counters.add(`storage-${state}`);
    this.disk.state = state;
  }

  healStorage(): void {
    this.world.note(`heal storage of ${this.name}`);
    this.disk.cut = 'none';
    this.disk.state = 'well';
    this.disk.changed();
  }
}

export class SimProcess {
  readonly machine: Machine;
  readonly name: string;
  readonly platform: Platform;
  readonly #world: World;
  readonly #net: ProcessNet;
  #state: 'running' | 'paused' | 'crashed' = 'running';
  #held: { readonly label: string; readonly run: () => void }[] = [];
  #pausedMs = 0;
  /** So many more things happen to it before it crashes. */
  #eventsLeft = Number.POSITIVE_INFINITY;
  readonly fs: SimFs;

  constructor(world: World, machine: Machine, name: string) {
    this.machine = machine;
    this.name = name;
    this.#world = world;
    this.#net = new ProcessNet(world.network, this);
    const random: Prng = world.random.fork(`process ${machine.name}/${name}`);
    this.fs = new SimFs(this);
    this.platform = {
      clock: new ProcessClock(world, this),
      random,
      fs: this.fs,
      net: this.#net,
    };
  }

  get label(): string {
    return `${this.machine.name}/${this.name}`;
  }

  get crashed(): boolean {
    return this.#state === 'crashed';
  }

  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** SIGKILL: from now on nothing happens to it any more; its kernel closes its connections and ports. */
  crash(): void {
    if (this.crashed) return;
    this.#world.note(`crash ${this.label}`);
    this.#world.counters.add('process-crash');
    this.#state = 'crashed';
    this.#held = [];
    this.#net.processLost();
  }

  /** The machine is gone: as a crash, but nobody closes anything. */
  vanish(): void {
    this.#state = 'crashed';
    this.#held = [];
  }

  /** SIGSTOP: the kernel goes on for it (octets and calls in flight arrive), the process learns of nothing. */
  pause(): void {
    if (this.#state !== 'running') return;
    this.#world.note(`pause ${this.label}`);
    this.#world.counters.add('process-pause');
    this.#state = 'paused';
    this.#pausedMs = this.#world.nowMs;
  }

  /** SIGCONT: all that has happened meanwhile is now told, in an order that the seed chooses. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#world.note(`resume ${this.label}`);
    this.#world.lasted(this.#pausedMs);
    this.#state = 'running';
    this.catchUp();
  }

  /** Runs something of this process after some true time. */
  later(delayMs: number, label: string, run: () => void): void {
    if (this.crashed) return;
    this.#world.schedule(delayMs, `${this.label} ${label}`, () => this.deliver(label, run));
  }

  /** Something happens to the process now: it runs, waits for the resumption, or never is. */
  deliver(label: string, run: () => void): void {
    if (this.crashed) return;
    if (this.#state === 'paused' || this.machine.state === 'paused') {
      this.#held.push({ label, run });
      return;
    }
    run();
    if (--this.#eventsLeft > 0 || this.crashed) return;
    this.#world.counters.add('crash-at-event');
    this.crash();
  }

  /**
   * Crashes it behind the n-th thing that happens to it from now on (a timer, a completed call, octets): every await of
   * its code ends with one of these, so every place between two awaits is met by some n.
   */
  crashAtEvent(n: number): void {
    this.#eventsLeft = n;
  }

  /** Schedules what was held back; called by whoever lifted a pause. */
  catchUp(): void {
    if (this.#state !== 'running' || this.machine.state !== 'up') return;
    const held = this.#held;
    this.#held = [];
    for (const { label, run } of held) this.later(0, label, run);
  }
}

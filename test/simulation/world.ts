/**
 * A deterministic world: machines with clocks of their own, a network and a shared storage that fail as the seed says.
 * One event runs at a time; after it, everything that it set going in promises runs to its end (one real setImmediate)
 * before the next. The same seed and the same test give the same events: `trace.hash` is equal. Nothing in a world may
 * touch real time, files, sockets or randomness.
 *
 *   const world = new World({ seed, faults: STORMY });
 *   world.storage.tree.makeDirectory('/shared');
 *   const worker = world.machine('backend1').process('worker');
 *   const service = startService(worker.platform);          // any code of ours that takes a Platform
 *   await world.settle(service.ready, 5000);                // lets the world run until then
 *   worker.pause(); await world.run(world.nowMs + 3000); worker.resume();
 *   new Nemesis(world, { ... }).start(); await world.run(60_000); world.heal();
 *   await world.run(() => service.isIdle, { untilMs: world.nowMs + 5000 });
 */
import { setImmediate as immediate } from 'node:timers/promises';
import { Prng } from '../support/prng.ts';
import { StorageServer } from './disk/server.ts';
import { EventQueue } from './event-queue.ts';
import { CALM, FaultCounters, type Faults } from './faults.ts';
import { Machine } from './machine.ts';
import { Network } from './net/network.ts';
import { Trace } from './trace.ts';

const EVENTS_MAX_DEFAULT = 2_000_000;
const TRACE_LINES_IN_ERRORS = 60;

export interface WorldOptions {
  readonly seed: number | string;
  readonly faults?: Partial<Faults>;
  /** How many of the last events are kept for printing. */
  readonly traceLines?: number;
}

export interface RunLimits {
  /** No longer than until this true time (for a condition). */
  readonly untilMs?: number;
  /** No more events than this in one run. */
  readonly eventsMax?: number;
}

/** The run came to an end that the test did not ask for. The message has seed and last events. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
}

export class World {
  readonly seed: number | string;
  readonly random: Prng;
  readonly counters = new FaultCounters();
  readonly trace: Trace;
  readonly network: Network;
  readonly storage: StorageServer;
  #faults: Faults;
  readonly #queue: EventQueue;
  readonly #machines = new Map<string, Machine>();
  #nowMs = 0;
  #thrown: { readonly error: unknown } | undefined;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.random = new Prng(options.seed);
    this.#faults = { ...CALM, ...options.faults };
    this.trace = new Trace(options.traceLines);
    this.#queue = new EventQueue(this.random.fork('order'));
    this.network = new Network(this);
    this.storage = new StorageServer(this);
  }

  /** True time in milliseconds since the world began; no machine shows it. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get faults(): Faults {
    return this.#faults;
  }

  /** Changes what goes wrong from now on; clock rates stay as they were when each machine was made. */
  setFaults(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** The machine of that name, made when first asked for; `own` gives it a local disk in place of the shared storage. */
  machine(name: string, options: { readonly storage?: 'shared' | 'own' } = {}): Machine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = new Machine(
        this,
        name,
        this.network.addressOf(this.#machines.size),
        options.storage ?? 'shared',
      );
      this.#machines.set(name, machine);
    }
    return machine;
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Ends every fault that lasts: cuts, pauses, a stopped or full storage; and those that come by chance. */
  heal(): void {
    this.note('heal all');
    this.setFaults({ ...CALM, clockRate: this.#faults.clockRate, wallSkewMs: this.#faults.wallSkewMs });
    this.storage.isFull = false;
    this.storage.start();
    this.network.healAll();
    for (const machine of this.#machines.values()) {
      machine.start();
      machine.healStorage();
      machine.resume();
      for (const process of machine.processes) {
        process.crashAtEvent(Number.POSITIVE_INFINITY);
        process.resume();
      }
    }
  }

  /** A pause that began then is over. */
  lasted(sinceMs: number): void {
    if (this.#nowMs - sinceMs > this.#faults.lateMs) this.counters.add('pause-beyond-lease');
  }

  schedule(delayMs: number, label: string, run: () => void): void {
    if (!(delayMs >= 0)) throw new RangeError(`an event in ${delayMs} ms: ${label}`);
    this.#queue.push({ atMs: this.#nowMs + delayMs, label, run });
  }

  /** Puts a line into the trace, and into its hash. */
  note(label: string): void {
    this.trace.note(this.#nowMs, label);
  }

  /** Runs the next event and all that follows from it at once; false when there is none. */
  async step(): Promise<boolean> {
    const event = this.#queue.pop();
    if (event === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    this.note(event.label);
    try {
      event.run();
    } catch (error) {
      this.#thrown ??= { error };
    }
    await immediate();
    if (this.#thrown === undefined) return true;
    const { error } = this.#thrown;
    this.#thrown = undefined;
    throw this.#failure(`an event threw: ${error instanceof Error ? error.message : String(error)}`, error);
  }

  /**
   * Runs until this true time, or until the condition holds. Throws a SimulationError with seed and trace when the
   * condition does not come about within the limits, or can never, as nothing is left to happen.
   */
  async run(until: number | (() => boolean), limits: RunLimits = {}): Promise<void> {
    const untilMs = typeof until === 'number' ? until : (limits.untilMs ?? Number.POSITIVE_INFINITY);
    const isOver = typeof until === 'number' ? () => false : until;
    let eventsLeft = limits.eventsMax ?? EVENTS_MAX_DEFAULT;
    // What the test itself started before this call goes first.
    await immediate();
    while (!isOver()) {
      const nextMs = this.#queue.nextMs;
      if (nextMs === undefined || nextMs > untilMs) {
        if (typeof until !== 'number')
          throw this.#failure(nextMs === undefined ? 'nothing is left to happen' : `not so by ${untilMs} ms`);
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      if (eventsLeft-- <= 0) throw this.#failure('too many events');
      await this.step();
    }
  }

  /** Runs until the promise is settled and gives its value or throws its reason. */
  async settle<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.run(() => settled, { untilMs: this.#nowMs + limitMs });
    return promise;
  }

  #failure(why: string, cause?: unknown): SimulationError {
    return new SimulationError(
      `${why}; seed ${this.seed}, ${this.#nowMs.toFixed(3)} ms, ${this.trace.count} events; faults: ${this.counters.text()}\n` +
        this.trace.text(TRACE_LINES_IN_ERRORS),
      { cause },
    );
  }
}

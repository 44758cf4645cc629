/**
 * The network between machines: who listens where, which ways are cut, and every link that exists. Cuts are one-way;
 * a cut keeps segments back, as TCP sends them again after it heals. Resets are not sent again (RFC 9293 section 3.5.2).
 */
import type { Connection, ListenOptions } from '../../../src/platform/platform.ts';
import type { Machine, SimProcess } from '../machine.ts';
import type { World } from '../world.ts';
import type { Link } from './link.ts';

export const LOOPBACK = '127.0.0.1';
const ANY_HOST: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const LOOPBACK_LATENCY_MS = 0.02;
const HOSTS_PER_NET = 250;

export interface Listening {
  readonly process: SimProcess;
  readonly host: string;
  readonly port: number;
  readonly accept: (connection: Connection) => void;
  readonly options: Pick<ListenOptions, 'tls'>;
}

export class Network {
  readonly world: World;
  readonly #cuts = new Set<string>();
  readonly #listening = new Set<Listening>();
  readonly #links = new Set<Link>();

  constructor(world: World) {
    this.world = world;
  }

  /** The address of the n-th machine. */
  addressOf(index: number): string {
    return `10.0.${Math.floor(index / HOSTS_PER_NET)}.${(index % HOSTS_PER_NET) + 1}`;
  }

  /** Nothing from `from` reaches `to` any more; the other way is as it was. */
  cut(from: Machine, to: Machine): void {
    this.world.note(`cut ${from.name} > ${to.name}`);
    this.world.counters.add('network-cut');
    this.#cuts.add(way(from, to));
    this.watch();
  }

  /** Somebody may be out of reach from now on. */
  watch(): void {
    for (const link of this.#links) link.watch();
  }

  cutBoth(a: Machine, b: Machine): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Cuts a machine from all others, both ways. */
  isolate(machine: Machine): void {
    for (const other of this.world.machines) if (other !== machine) this.cutBoth(machine, other);
  }

  /** Ends every cut from or to a machine. */
  rejoin(machine: Machine): void {
    for (const other of this.world.machines) if (other !== machine) this.healBoth(machine, other);
  }

  heal(from: Machine, to: Machine): void {
    this.world.note(`heal ${from.name} > ${to.name}`);
    this.#cuts.delete(way(from, to));
    this.changed();
  }

  healBoth(a: Machine, b: Machine): void {
    this.heal(a, b);
    this.heal(b, a);
  }

  healAll(): void {
    this.#cuts.clear();
    this.changed();
  }

  /** Whether a segment on its way can arrive now. A frozen kernel takes nothing, but what it sent is on its way. */
  passes(from: Machine, to: Machine): boolean {
    return to.state === 'up' && (from === to || !this.#cuts.has(way(from, to)));
  }

  /** One way, this time. */
  latencyMs(from: Machine, to: Machine): number {
    const { random, faults } = this.world;
    if (from === to) return LOOPBACK_LATENCY_MS * (1 + random.unit());
    const [low, high] = faults.latencyMs;
    return low + (high - low) * random.unit();
  }

  /** The machine that an address means to someone on `from`. */
  machineAt(host: string, from: Machine): Machine | undefined {
    if (host === LOOPBACK || host === 'localhost') return from;
    return this.world.machines.find((machine) => machine.host === host);
  }

  listen(entry: Listening): boolean {
    for (const other of this.#listening)
      if (
        other.process.machine === entry.process.machine &&
        other.port === entry.port &&
        (other.host === entry.host || ANY_HOST.has(other.host) || ANY_HOST.has(entry.host))
      )
        return false;
    this.#listening.add(entry);
    return true;
  }

  unlisten(entry: Listening): void {
    this.#listening.delete(entry);
  }

  isListening(entry: Listening): boolean {
    return this.#listening.has(entry);
  }

  listenerAt(machine: Machine, host: string, port: number): Listening | undefined {
    for (const entry of this.#listening)
      if (
        entry.process.machine === machine &&
        entry.port === port &&
        (entry.host === host || ANY_HOST.has(entry.host))
      )
        return entry;
    return undefined;
  }

  add(link: Link): void {
    this.#links.add(link);
  }

  forget(link: Link): void {
    this.#links.delete(link);
  }

  /** A process is dead: its ports are free, its kernel ends its connections. */
  processLost(process: SimProcess): void {
    for (const entry of this.#listening) if (entry.process === process) this.#listening.delete(entry);
    for (const link of this.#links) link.processLost(process);
  }

  machineLost(machine: Machine): void {
    for (const entry of this.#listening) if (entry.process.machine === machine) this.#listening.delete(entry);
    for (const link of this.#links) link.machineLost(machine);
  }

  /** Something was healed, resumed or started: what was kept back is tried again. */
  changed(): void {
    for (const link of this.#links) link.retry();
  }
}

function way(from: Machine, to: Machine): string {
  return `${from.name}>${to.name}`;
}

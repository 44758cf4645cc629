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
  readonly options: Pick<ListenOptions, 'tls' | 'shared'>;
}

export class Network {
  readonly world: World;
  readonly #cuts = new Set<string>();
  readonly #slowWays = new Map<string, number>();
  readonly #listening = new Set<Listening>();
  readonly #links = new Set<Link>();
  /** When the newest segment was sent that has arrived, by sender and receiver. */
  readonly #lastSentMs = new WeakMap<SimProcess, WeakMap<SimProcess, number>>();

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

  /** Two parts that do not reach each other. */
  split(part: readonly Machine[]): void {
    this.world.counters.add('network-split');
    for (const a of part) for (const b of this.world.machines) if (!part.includes(b)) this.cutBoth(a, b);
  }

  /** A segment that was sent then arrives: it was overtaken when one sent later on another connection came before it. */
  arrived(from: SimProcess, to: SimProcess, sentMs: number): void {
    let last = this.#lastSentMs.get(from);
    if (last === undefined) this.#lastSentMs.set(from, (last = new WeakMap()));
    const before = last.get(to) ?? 0;
    if (sentMs < before) this.world.counters.add('reordered');
    else last.set(to, sentMs);
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
    this.#slowWays.clear();
    for (const link of this.#links) link.endStall();
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
    const slowMs = this.#slowWays.size === 0 ? 0 : (this.#slowWays.get(way(from, to)) ?? 0);
    return low + (high - low) * random.unit() + slowMs;
  }

  /** From now on everything takes so much longer that way; 0: not any more. */
  slow(from: Machine, to: Machine, ms: number): void {
    this.world.note(`slow ${from.name} > ${to.name} by ${ms} ms`);
    if (ms === 0) this.#slowWays.delete(way(from, to));
    else {
      this.world.counters.add('slow-way');
      this.#slowWays.set(way(from, to), ms);
    }
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
        (other.host === entry.host || ANY_HOST.has(other.host) || ANY_HOST.has(entry.host)) &&
        !(other.options.shared === true && entry.options.shared === true)
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

  /** Of those who share the port, one by chance, as the kernel's hash picks one. */
  listenerAt(machine: Machine, host: string, port: number): Listening | undefined {
    const found: Listening[] = [];
    for (const entry of this.#listening)
      if (
        entry.port === port &&
        entry.process.machine === machine &&
        (entry.host === host || ANY_HOST.has(entry.host))
      )
        found.push(entry);
    return found.length > 1 ? this.world.random.pick(found) : found[0];
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

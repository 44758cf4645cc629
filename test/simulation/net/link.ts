/**
 * One TCP connection: two endpoints and what is on its way between them, each direction in order. Who waits too long for
 * an acknowledgement is told ETIMEDOUT, as is an idle end whose peer cannot be reached (keep-alive).
 */
import type { Address, TlsInfo } from '../../../src/platform/platform.ts';
import { Endpoint, type Medium, type Segment } from '../../support/tcp.ts';
import type { SimProcess } from '../machine.ts';
import type { Network } from './network.ts';

interface Side {
  readonly process: SimProcess;
  readonly endpoint: Endpoint;
}

/** Who holds an end, and what it knows of it. */
export interface End {
  readonly process: SimProcess;
  readonly local: Address;
  readonly tls: TlsInfo | undefined;
}

interface Underway {
  readonly segment: Segment;
  readonly sentMs: number;
  readonly arrivesMs: number;
}

export class Link {
  readonly near: Side;
  readonly far: Side;
  readonly #network: Network;
  readonly #ways: readonly [Way, Way];

  constructor(network: Network, client: End, server: End) {
    this.#network = network;
    const there = (): Way => this.#ways[0];
    const back = (): Way => this.#ways[1];
    const side = (end: End, other: End, way: () => Way): Side => ({
      process: end.process,
      endpoint: new Endpoint(end.local, other.local, this.#medium(end.process, way), end.tls),
    });
    this.near = side(client, server, there);
    this.far = side(server, client, back);
    this.#ways = [new Way(network, this, this.near, this.far), new Way(network, this, this.far, this.near)];
    network.add(this);
  }

  /** Both ends are over and nothing is on its way. */
  forgetIfOver(): void {
    if (this.near.endpoint.done && this.far.endpoint.done && this.#ways.every((way) => way.isEmpty))
      this.#network.forget(this);
  }

  /** A middle box forgot the connection: both ends are reset. */
  kill(): void {
    for (const way of this.#ways) way.reset();
  }

  retry(): void {
    for (const way of this.#ways) way.retry();
  }

  /** A middle box passes nothing of it any more, one way or both, and tells nobody. */
  stall(ways: readonly (0 | 1)[]): void {
    for (const index of ways) this.#ways[index].isStalled = true;
  }

  endStall(): void {
    for (const way of this.#ways) way.isStalled = false;
  }

  processLost(process: SimProcess): void {
    for (const { process: holder, endpoint } of [this.near, this.far])
      if (holder === process) endpoint.abandon();
  }

  machineLost(machine: { readonly name: string }): void {
    for (const side of [this.near, this.far]) if (side.process.machine === machine) side.endpoint.vanish();
    // What the dead kernel still had to send is gone with it.
    for (const way of this.#ways) if (way.from.process.machine === machine) way.drop();
    this.watch();
    this.forgetIfOver();
  }

  /** After a cut or a death: an end whose peer stays out of reach is told by its keep-alive. */
  watch(): void {
    const { world } = this.#network;
    for (const way of this.#ways) {
      if (way.to.endpoint.done || this.#reaches()) continue;
      const { keepAliveMs } = world.faults;
      const since = world.nowMs;
      world.schedule(keepAliveMs, `keep-alive ${way.to.process.label}`, () => {
        if (way.to.endpoint.done || way.lastArrivalMs > since) return;
        if (!this.#reaches()) {
          world.counters.add('connection-timeout');
          way.to.endpoint.timedOut();
        } else if (way.from.endpoint.done && way.isEmpty) {
          // The peer's machine is up again and knows nothing of the connection that the probe is for.
          way.to.endpoint.receive({ kind: 'rst' });
        }
        this.forgetIfOver();
      });
    }
  }

  #reaches(): boolean {
    const [a, b] = [this.near.process.machine, this.far.process.machine];
    const isStalled = this.#ways.some((way) => way.isStalled);
    return !isStalled && this.#network.passes(a, b) && this.#network.passes(b, a);
  }

  #medium(process: SimProcess, way: () => Way): Medium {
    const { world } = this.#network;
    return {
      send: (segment) => way().send(segment),
      soon: (run) => process.later(0, 'socket', run),
      chunk: (_first, available) => {
        if (available < 2 || !world.random.chance(world.faults.splitReads)) return available;
        world.counters.add('split-read');
        return world.random.between(1, available);
      },
    };
  }
}

/** One direction of a link. */
class Way {
  readonly from: Side;
  readonly to: Side;
  lastArrivalMs = -1;
  isStalled = false;
  readonly #network: Network;
  readonly #link: Link;
  readonly #name: string;
  #underway: Underway[] = [];
  #due = false;
  #stalledSinceMs: number | undefined;

  constructor(network: Network, link: Link, from: Side, to: Side) {
    this.#network = network;
    this.#link = link;
    this.from = from;
    this.to = to;
    this.#name = `${from.process.label} > ${to.process.label}`;
  }

  get isEmpty(): boolean {
    return this.#underway.length === 0;
  }

  send(segment: Segment): void {
    const { world } = this.#network;
    // An acknowledgement that meets nothing on its way needs no event of its own: a fifth of all would be these.
    if (segment.kind === 'window' && this.#underway.length === 0 && this.#isThrough()) {
      this.lastArrivalMs = world.nowMs;
      this.to.endpoint.receive(segment);
      return;
    }
    // What never leaves its machine meets no middle box that could forget it.
    const isOutside = segment.kind === 'data' && this.from.process.machine !== this.to.process.machine;
    const { faults, random, nowMs } = world;
    if (isOutside && random.chance(faults.killConnection)) {
      world.note(`kill ${this.#name}`);
      world.counters.add('kill-connection');
      this.#link.kill();
      return;
    }
    if (isOutside && random.chance(faults.stallConnection)) {
      world.note(`stall ${this.#name}`);
      world.counters.add('stall-connection');
      this.#link.stall(random.pick([[0], [1], [0, 1]] as const));
      this.#link.watch();
    }
    let latencyMs = this.#network.latencyMs(this.from.process.machine, this.to.process.machine);
    if (isOutside && random.chance(faults.slowWay)) {
      world.counters.add('slow-way');
      latencyMs += faults.slowWayMsMax * random.unit();
    }
    const arrivesMs = Math.max(nowMs + latencyMs, this.#underway.at(-1)?.arrivesMs ?? 0);
    this.#underway.push({ segment, sentMs: nowMs, arrivesMs });
    this.#arm(arrivesMs - world.nowMs);
  }

  /** The receiver gets a reset in place of what was on its way. */
  reset(): void {
    this.#underway = [];
    this.send({ kind: 'rst' });
  }

  drop(): void {
    this.#underway = [];
  }

  /** The way may be free again: the sender's next attempt comes within its retransmission time. */
  retry(): void {
    if (this.#stalledSinceMs === undefined) return;
    const { world } = this.#network;
    this.#stalledSinceMs = undefined;
    this.#arm(world.random.unit() * world.faults.retransmitMsMax);
  }

  #arm(delayMs: number): void {
    if (this.#due || this.#stalledSinceMs !== undefined) return;
    this.#due = true;
    this.#network.world.schedule(delayMs, `net ${this.#name}`, () => {
      this.#due = false;
      this.#arrive();
    });
  }

  #arrive(): void {
    const { world } = this.#network;
    const head = this.#underway[0];
    if (head === undefined) return;
    if (!this.#isThrough()) return this.#stall();
    this.#underway.shift();
    this.lastArrivalMs = world.nowMs;
    if (head.segment.kind === 'data') this.#network.arrived(this.from.process, this.to.process, head.sentMs);
    world.note(`  ${this.#name} ${head.segment.kind} ${sizeOf(head.segment)}`);
    this.to.endpoint.receive(head.segment);
    const next = this.#underway[0];
    if (next !== undefined) this.#arm(Math.max(0, next.arrivesMs - world.nowMs));
    this.#link.forgetIfOver();
  }

  #isThrough(): boolean {
    return !this.isStalled && this.#network.passes(this.from.process.machine, this.to.process.machine);
  }

  #stall(): void {
    const { world } = this.#network;
    this.#underway = this.#underway.filter(({ segment }) => segment.kind !== 'rst');
    if (this.#underway.length === 0) return;
    const since = world.nowMs;
    this.#stalledSinceMs = since;
    world.schedule(world.faults.tcpTimeoutMs, `give up ${this.#name}`, () => {
      if (this.#stalledSinceMs !== since) return;
      // Data or FIN without acknowledgement fails its sender; a lost acknowledgement fails who waits for it.
      const waiting = this.#underway[0]?.segment.kind === 'window' ? this.to : this.from;
      if (!waiting.endpoint.unacknowledged) return;
      world.counters.add('connection-timeout');
      waiting.endpoint.timedOut();
      this.#underway = [];
      this.#stalledSinceMs = undefined;
      this.#link.forgetIfOver();
    });
  }
}

function sizeOf(segment: Segment): string {
  if (segment.kind === 'data') return String(segment.bytes.length);
  return segment.kind === 'window' ? String(segment.octets) : '';
}

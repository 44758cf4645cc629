/**
 * One end of a TCP connection, without a network: what the kernel and Node do between `Connection` and the segments.
 * A `Medium` carries the segments to the other end and runs the callbacks of the process. Used by `MemoryNet` (at once)
 * and by the simulation (late, cut, killed). Keeps RFC 9293 where an application can see it: octets in order, a window
 * (section 3.8.6), FIN after all that was queued (section 3.6), RST at once and without mercy (section 3.5.2).
 */
import type { Address, Connection, ConnectionEvents, TlsInfo } from '../../src/platform/platform.ts';

/** Octets that the two kernels hold for one direction; more waits in the sender's process (`queuedOctets`). */
const WINDOW_OCTETS = 64 * 1024;
/** `write` answers false from here on. */
const HIGH_WATER_OCTETS = 64 * 1024;

export type Segment =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'window'; readonly octets: number }
  | { readonly kind: 'fin' }
  | { readonly kind: 'rst' };

export interface Medium {
  /** Carries a segment to the other end, in order. */
  send(segment: Segment): void;
  /** Runs a callback of the process that holds this end, not in this turn. */
  soon(run: () => void): void;
  /** How many of the octets at hand the next `data` gets: 1 … `available`. `first` is the size of the first segment. */
  chunk(first: number, available: number): number;
}

export function netError(code: string, call: string, address: Address): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call} ${address.host}:${address.port}`);
  error.code = code;
  error.syscall = call;
  return error;
}

export class Endpoint implements Connection {
  readonly local: Address;
  readonly remote: Address;
  readonly tls: TlsInfo | undefined;
  readonly #medium: Medium;
  #events: ConnectionEvents | undefined;
  #paused = false;
  #deliveryDue = false;
  #done = false;
  /** Arrived and not yet read by the process; FIN stands after the last octet. */
  #inbox: Buffer[] = [];
  #finArrived = false;
  #finRead = false;
  /** Written and not yet taken by the kernel. */
  #queue: Buffer[] = [];
  #queued = 0;
  #credit = WINDOW_OCTETS;
  #ending = false;
  #finSent = false;
  #drainWanted = false;
  #inFlight = 0;

  constructor(local: Address, remote: Address, medium: Medium, tls?: TlsInfo) {
    this.local = local;
    this.remote = remote;
    this.tls = tls;
    this.#medium = medium;
  }

  start(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error('connection started twice');
    this.#events = events;
    this.#deliverSoon();
  }

  /** There is no STARTTLS here: as a handshake that fails. */
  async secure(): Promise<TlsInfo> {
    this.destroy();
    throw netError('EPROTO', 'handshake', this.remote);
  }

  write(bytes: Buffer): boolean {
    if (this.#done || this.#ending) return true;
    this.#queue.push(Buffer.from(bytes));
    this.#queued += bytes.length;
    this.#pump();
    if (this.#queued < HIGH_WATER_OCTETS) return true;
    this.#drainWanted = true;
    return false;
  }

  get queuedOctets(): number {
    return this.#queued;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliverSoon();
  }

  end(): void {
    if (this.#done) return;
    this.#ending = true;
    this.#pump();
  }

  destroy(): void {
    if (this.#done) return;
    this.#medium.send({ kind: 'rst' });
    this.#finish(netError('ECONNABORTED', 'destroy', this.remote));
  }

  /** Octets sent that the other process has not read, or a FIN that may not have arrived: what a dead link fails on. */
  get unacknowledged(): boolean {
    return !this.#done && (this.#inFlight > 0 || this.#finSent);
  }

  get done(): boolean {
    return this.#done;
  }

  /** The network: a segment has arrived. */
  receive(segment: Segment): void {
    if (this.#done) {
      // RFC 9293 section 3.5.2: whatever arrives for a connection that does not exist is answered with a reset.
      if (segment.kind === 'data') this.#medium.send({ kind: 'rst' });
      return;
    }
    switch (segment.kind) {
      case 'data':
        this.#inbox.push(segment.bytes);
        return this.#deliverSoon();
      case 'window':
        this.#credit += segment.octets;
        this.#inFlight -= segment.octets;
        return this.#pump();
      case 'fin':
        this.#finArrived = true;
        return this.#deliverSoon();
      case 'rst':
        return this.#finish(netError('ECONNRESET', 'read', this.remote));
    }
    segment satisfies never;
  }

  /** The kernel gave the connection up: no answer for too long. */
  timedOut(): void {
    this.#finish(netError('ETIMEDOUT', 'read', this.remote));
  }

  /**
   * The process is dead and its kernel closes the descriptor: what the kernel had taken still goes, then FIN; RST when
   * something had arrived that nobody read (RFC 2525 section 2.17). No callback runs.
   */
  abandon(): void {
    if (this.#done) return;
    this.#events = undefined;
    this.#done = true;
    this.#medium.send({ kind: this.#inbox.length > 0 ? 'rst' : 'fin' });
  }

  /** The machine is dead: nobody is told anything. */
  vanish(): void {
    this.#events = undefined;
    this.#done = true;
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#credit > 0) {
      const next = this.#queue.shift()!;
      const bytes = next.subarray(0, this.#credit);
      if (bytes.length < next.length) this.#queue.unshift(next.subarray(bytes.length));
      if (bytes.length === 0) continue;
      this.#credit -= bytes.length;
      this.#queued -= bytes.length;
      this.#inFlight += bytes.length;
      this.#medium.send({ kind: 'data', bytes });
    }
    if (this.#queue.length > 0) return;
    if (this.#ending && !this.#finSent) {
      this.#finSent = true;
      this.#medium.send({ kind: 'fin' });
      this.#finishIfOver();
    }
    if (!this.#drainWanted) return;
    this.#drainWanted = false;
    this.#medium.soon(() => {
      if (!this.#done) this.#events?.drained?.();
    });
  }

  #deliverSoon(): void {
    if (this.#deliveryDue || this.#events === undefined || this.#paused || this.#done) return;
    if (this.#inbox.length === 0 && (!this.#finArrived || this.#finRead)) return;
    this.#deliveryDue = true;
    this.#medium.soon(() => {
      this.#deliveryDue = false;
      this.#deliver();
      this.#deliverSoon();
    });
  }

  #deliver(): void {
    if (this.#events === undefined || this.#paused || this.#done) return;
    if (this.#inbox.length > 0) {
      const bytes = this.#take();
      this.#medium.send({ kind: 'window', octets: bytes.length });
      return this.#events.data(bytes);
    }
    if (!this.#finArrived || this.#finRead) return;
    this.#finRead = true;
    this.#events.ended?.();
    if (this.#events.halfOpen !== true) this.end();
    this.#finishIfOver();
  }

  /** The next octets of the stream, cut and joined as the medium likes: writes have no borders in TCP. */
  #take(): Buffer {
    const available = this.#inbox.reduce((sum, bytes) => sum + bytes.length, 0);
    const octets = this.#medium.chunk(this.#inbox[0]!.length, available);
    if (octets === this.#inbox[0]!.length) return this.#inbox.shift()!;
    const all = Buffer.concat(this.#inbox);
    this.#inbox = octets < all.length ? [all.subarray(octets)] : [];
    return all.subarray(0, octets);
  }

  #finishIfOver(): void {
    if (this.#finSent && this.#finRead && !this.#done) this.#finish(undefined);
  }

  #finish(cause: Error | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#inbox = [];
    this.#queue = [];
    this.#queued = 0;
    this.#medium.soon(() => this.#events?.closed(cause));
  }
}

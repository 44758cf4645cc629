/**
 * A bus in memory: calls and notices between processes of a test, by microtasks, with cuts between any two addresses.
 * Bodies go through msgpackr, as on the real bus, so that nothing but plain values passes. No streams.
 */
import { Packr } from 'msgpackr';
import type { Body, Bus, BusStream, CallContext, CallOptions, Peer } from '../../src/cluster/bus/types.ts';
import { Failure } from '../../src/lib/failure.ts';
import type { Address, Clock } from '../../src/platform/platform.ts';
import type { Incarnation } from '../../src/store/ids.ts';

type Handler = (body: Body, context: CallContext) => Body;

const packr = new Packr({ useRecords: false });
const copy = (body: Body): Body => packr.unpack(packr.pack(body)) as Body;
const keyOf = ({ host, port }: Address) => `${host}:${port}`;

export class MemoryHub {
  readonly clock: Clock;
  readonly buses = new Map<string, MemoryBus>();
  /** Cuts, in one direction: `from>to`. */
  readonly #cuts = new Set<string>();
  #port = 1000;
  readonly seen: { from: string; to: string; service: string }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  bus(member: string, role: Peer['role'], id: string): MemoryBus {
    const address = { host: 'test', port: ++this.#port };
    const incarnation = Buffer.from(id).toString('hex').padEnd(32, '0').slice(0, 32) as Incarnation;
    const bus = new MemoryBus(this, { member, role, incarnation, address });
    this.buses.set(keyOf(address), bus);
    return bus;
  }

  cut(a: Bus, b: Bus): void {
    this.#cuts.add(`${keyOf(a.self.address)}>${keyOf(b.self.address)}`);
    this.#cuts.add(`${keyOf(b.self.address)}>${keyOf(a.self.address)}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** The process is gone: nothing reaches it, nothing leaves it. */
  crash(bus: Bus): void {
    this.buses.delete(keyOf(bus.self.address));
  }

  reaches(from: Address, to: Address): boolean {
    return this.buses.has(keyOf(from)) && !this.#cuts.has(`${keyOf(from)}>${keyOf(to)}`);
  }
}

export class MemoryBus implements Bus {
  readonly self: Peer;
  readonly #hub: MemoryHub;
  readonly calls = new Map<string, Handler>();
  readonly notices = new Map<string, (body: Body, from: Peer) => void>();

  constructor(hub: MemoryHub, self: Peer) {
    this.#hub = hub;
    this.self = self;
  }

  serve(service: string, handler: Handler): void {
    if (this.calls.has(service)) throw new Error(`served twice: ${service}`);
    this.calls.set(service, handler);
  }

  onNotice(service: string, handler: (body: Body, from: Peer) => void): void {
    if (this.notices.has(service)) throw new Error(`taken twice: ${service}`);
    this.notices.set(service, handler);
  }

  onStream(): void {}

  call(to: Address, service: string, body: Body, options: CallOptions): Promise<Body> {
    const { promise, resolve, reject } = Promise.withResolvers<Body>();
    const timer = this.#hub.clock.timer(options.timeoutMs, () =>
      reject(new Failure('unknown', 'time is up')),
    );
    options.signal?.addEventListener('abort', () => reject(new Failure('unknown', 'cancelled')), {
      once: true,
    });
    const settle = (act: () => void) => {
      if (this.#hub.reaches(to, this.self.address)) act();
    };
    const sent = copy(body);
    queueMicrotask(() => {
      if (!this.#hub.reaches(this.self.address, to)) return;
      const target = this.#hub.buses.get(keyOf(to));
      if (target === undefined) return reject(new Failure('unavailable', 'refused'));
      this.#hub.seen.push({ from: this.self.member, to: target.self.member, service });
      const handler = target.calls.get(service);
      if (handler === undefined) return reject(new Failure('unavailable', `no ${service}`));
      const context = { from: this.self, signal: options.signal ?? new AbortController().signal };
      Promise.resolve()
        .then(() => handler(sent, context))
        .then(
          (answer) => settle(() => resolve(copy(answer))),
          (error: unknown) =>
            settle(() =>
              reject(
                error instanceof Failure ? error : new Failure('unknown', String(error), { cause: error }),
              ),
            ),
        );
    });
    return promise.finally(() => timer.cancel());
  }

  notify(to: Address, service: string, body: Body): void {
    const sent = copy(body);
    queueMicrotask(() => {
      if (!this.#hub.reaches(this.self.address, to)) return;
      this.#hub.buses.get(keyOf(to))?.notices.get(service)?.(sent, this.self);
    });
  }

  open(): Promise<BusStream> {
    return Promise.reject(new Failure('unavailable', 'no streams here'));
  }

  onPeer(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {
    this.#hub.crash(this);
  }
}

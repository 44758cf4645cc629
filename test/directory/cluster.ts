/**
 * A cluster in memory for the directory's tests: workers with hosts over one shared storage, the real log engine, a
 * router that follows owners, and points at which a test can kill a worker: before and after every write to the
 * storage and every message. A killed worker's calls never return, and others take its slots with larger epochs.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import type { SlotRouter } from '../../src/cluster/types.ts';
import { Names } from '../../src/directory/names.ts';
import { DirectoryService } from '../../src/directory/service.ts';
import { Failure, failureCode } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { openAccount } from '../../src/store/account/account.ts';
import { ObjectHost } from '../../src/store/host/host.ts';
import { epochOf, type Incarnation, SLOTS, type Slot } from '../../src/store/ids.ts';
import { openLog } from '../../src/store/log/log.ts';
import type { Lease } from '../../src/store/log/types.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { Prng } from '../support/prng.ts';
import { FakeSettings } from './settings.ts';

export const ROOT = '/shared';
/** A deposed worker learns of it after this long. */
const DEPOSED_KNOWS_MS = 300;

export interface Point {
  readonly worker: Worker;
  readonly what: string;
}

type Handler = Parameters<ConstructorParameters<typeof DirectoryService>[0]['bus']['serve']>[1];

const NEVER = new Promise<never>(() => undefined);

export class Worker {
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly fs: MemoryFs;
  readonly host: ObjectHost;
  readonly handlers = new Map<string, Handler>();
  readonly died = Promise.withResolvers<void>();
  isAlive = true;

  constructor(cluster: TestCluster, number: number) {
    this.name = `w${number}`;
    this.incarnation = number.toString(16).padStart(32, '0') as Incarnation;
    this.fs = new MemoryFs({ tree: cluster.fs.tree, kind: 'nfs' });
    this.fs.before = (call) => {
      if (call === 'writeDurably') cluster.passes({ worker: this, what: 'before write' });
      return this.isAlive ? undefined : NEVER;
    };
    this.fs.after = (call) => {
      if (call === 'writeDurably') cluster.passes({ worker: this, what: 'after write' });
      return this.isAlive ? undefined : NEVER;
    };
    const platform = { clock: cluster.clock, random: new Prng(`worker ${number}`), fs: this.fs };
    const common = { platform, root: ROOT, logger: noLogger };
    this.host = new ObjectHost({ ...common, fence: false, openLog, openAccount });
    const bus = { serve: (service: string, handler: Handler) => void this.handlers.set(service, handler) };
    const router = cluster.router(this);
    new DirectoryService({ ...common, bus, host: this.host, router, settings: cluster.settings }).start();
  }
}

export class TestCluster {
  readonly clock = new ManualClock();
  readonly fs = new MemoryFs({ kind: 'nfs' });
  readonly settings = new FakeSettings();
  readonly workers: Worker[] = [];
  readonly names: Names;
  /** Called at each point; may kill the worker, or throw to make the write or the message fail. */
  onPoint: ((point: Point) => void) | undefined;
  readonly #slots: readonly Slot[];
  readonly #owners = new Map<Slot, { readonly worker: Worker; readonly epoch: number }>();
  #grants = 0;

  /** Only these slots exist for this cluster, which keeps tests small. */
  constructor(slots: Iterable<Slot>, workers = 2) {
    this.#slots = [...new Set(slots)];
    this.fs.put(`${ROOT}/.cluster/id`, Buffer.from('test'));
    for (let i = 0; i < workers; i++) this.addWorker();
    this.#slots.forEach((slot, i) => this.grant(slot, this.workers[i % workers]!));
    const map = { version: 1, owner: () => undefined, owners: () => this.#addresses(), newer: () => NEVER };
    const bus = {
      call: (to: { port: number }, service: string, body: unknown) =>
        this.#deliver(this.workers[to.port]!, service, body, undefined),
    };
    this.names = new Names({
      router: this.router(undefined),
      map,
      bus,
      settings: this.settings,
      clock: this.clock,
      random: new Prng('names'),
    });
  }

  addWorker(): Worker {
    const worker = new Worker(this, this.workers.length);
    this.workers.push(worker);
    return worker;
  }

  owner(slot: Slot): Worker | undefined {
    return this.#owners.get(slot)?.worker;
  }

  grant(slot: Slot, worker: Worker): void {
    const epoch = epochOf(1, ++this.#grants);
    this.#owners.set(slot, { worker, epoch });
    const held = () => worker.isAlive && this.#owners.get(slot)?.epoch === epoch;
    const lease: Lease = {
      incarnation: worker.incarnation,
      epoch,
      held,
      confirm: async () => held(),
      reportLargerEpoch: () => undefined,
    };
    worker.host.granted(slot, lease);
  }

  /** A planned move; comes to nothing when the owner dies meanwhile. */
  async move(slot: Slot, to: Worker): Promise<void> {
    const before = this.#owners.get(slot);
    await before?.worker.host.release(slot);
    if (this.#owners.get(slot) === before)
      this.grant(slot, to.isAlive ? to : this.workers.find((w) => w.isAlive)!);
  }

  /** It does nothing more from this instant on; others have its slots. */
  kill(worker: Worker): void {
    if (!worker.isAlive) return;
    worker.isAlive = false;
    worker.died.resolve();
    let others = this.workers.filter((other) => other.isAlive);
    if (others.length === 0) others = [this.addWorker()];
    let next = 0;
    for (const [slot, { worker: owner }] of this.#owners)
      if (owner === worker) this.grant(slot, others[next++ % others.length]!);
  }

  /** It has lost its slots without knowing, as after a pause: it goes on for a while, and what it writes succeeds. */
  depose(worker: Worker): void {
    const others = this.workers.filter((other) => other.isAlive && other !== worker);
    if (others.length === 0) others.push(this.addWorker());
    let next = 0;
    for (const [slot, { worker: owner }] of this.#owners)
      if (owner === worker) {
        this.grant(slot, others[next++ % others.length]!);
        this.clock.timer(DEPOSED_KNOWS_MS, () => {
          if (this.owner(slot) !== worker) worker.host.lost(slot);
        });
      }
  }

  passes(point: Point): void {
    if (point.worker.isAlive) this.onPoint?.(point);
  }

  /** As a caller sees it: follows owners until the time is up. */
  router(from: Worker | undefined): SlotRouter {
    return {
      call: async (slot, service, body, { timeoutMs, repeatable, signal }) => {
        const untilMs = this.clock.monotonicMs() + timeoutMs;
        for (;;) {
          signal?.throwIfAborted();
          const worker = this.owner(slot);
          try {
            if (worker === undefined) throw new Failure('unavailable', 'no owner');
            return await this.#deliver(worker, service, body, from);
          } catch (error) {
            const code = failureCode(error);
            const mayRepeat =
              code === 'moved' || code === 'unavailable' || (code === 'unknown' && repeatable);
            if (!mayRepeat || this.clock.monotonicMs() >= untilMs) throw error;
          }
          await this.clock.sleep(50, signal);
        }
      },
    };
  }

  /** Runs what the promise waits for, moving the time. */
  async until<T>(work: Promise<T>, limitMs = 60_000): Promise<T> {
    let isDone = false;
    work.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    for (let i = 0; i < 20 && !isDone; i++) await immediate();
    for (let ms = 0; !isDone && ms < limitMs; ms += 50) await this.clock.advance(50);
    if (!isDone) throw new Error('nothing came of it in time');
    return work;
  }

  async #deliver(to: Worker, service: string, body: unknown, from: Worker | undefined): Promise<unknown> {
    if (from !== undefined) {
      this.passes({ worker: from, what: `before ${service}` });
      if (!from.isAlive) return NEVER;
    }
    if (!to.isAlive) throw new Failure('unavailable', 'connection refused');
    const handler = to.handlers.get(service);
    if (handler === undefined) throw new Error(`no service ${service}`);
    const context = { from: undefined as never, signal: new AbortController().signal };
    const answered = (async () => {
      await Promise.resolve();
      try {
        return await handler(copy(body), context);
      } finally {
        this.passes({ worker: to, what: `after ${service}` });
      }
    })();
    const lost = to.died.promise.then(() => Promise.reject(new Failure('unknown', 'connection lost')));
    const answer = await Promise.race([answered, lost]);
    if (!to.isAlive) throw new Failure('unknown', 'connection lost');
    if (from !== undefined && !from.isAlive) return NEVER;
    return copy(answer);
  }

  #addresses() {
    return this.workers.flatMap((worker, port) =>
      worker.isAlive
        ? [{ incarnation: worker.incarnation, address: { host: 'memory', port }, member: worker.name }]
        : [],
    );
  }
}

/** What the bus makes of a body: plain values, Buffers stay Buffers. */
function copy(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, copy(field)]));
}

export const ALL_SLOTS = Array.from({ length: SLOTS }, (_, slot) => slot as Slot);

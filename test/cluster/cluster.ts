/** A cluster in memory for tests: members made of supervisor and worker nodes over `MemoryHub`, one manual clock. */

import { FeatureLevel } from '../../src/cluster/level.ts';
import { initStorage } from '../../src/cluster/storage/check.ts';
import { createSupervisorNode } from '../../src/cluster/supervisor-node.ts';
import { DEFAULT_TIMES } from '../../src/cluster/times.ts';
import type {
  ClusterLogger,
  ClusterTimes,
  DomainRecord,
  OpenSettings,
  Role,
  SettingsDelta,
  SlotHolder,
  SupervisorNode,
  WorkerLoad,
  WorkerNode,
} from '../../src/cluster/types.ts';
import { createWorkerNode } from '../../src/cluster/worker-node.ts';
import { Failure } from '../../src/lib/failure.ts';
import { type DomainId, SLOTS, type Slot } from '../../src/store/ids.ts';
import type { Lease } from '../../src/store/log/types.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { type MemoryPlatform, memoryPlatform } from '../support/memory-platform.ts';
import { type MemoryBus, MemoryHub } from './memory-bus.ts';

export const ROOT = '/shared';
export const noLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The slots of one worker, as its store would hold them. */
export class TestHolder implements SlotHolder {
  readonly leases = new Map<Slot, Lease>();
  readonly history: string[] = [];
  /** When set, releases wait for it. */
  releasing: Promise<void> | undefined;

  granted(slot: Slot, lease: Lease): void {
    this.leases.set(slot, lease);
    this.history.push(`granted ${slot} ${lease.epoch}`);
  }

  async release(slot: Slot): Promise<void> {
    await this.releasing;
    this.leases.delete(slot);
    this.history.push(`released ${slot}`);
  }

  lost(slot: Slot): void {
    this.leases.delete(slot);
    this.history.push(`lost ${slot}`);
  }

  held(): Slot[] {
    return [...this.leases].filter(([, lease]) => lease.held()).map(([slot]) => slot);
  }
}

/** The settings object as shared storage would hold it: all controllers of a test open the same one. */
export class TestSettings {
  version = 1;
  readonly domains: DomainRecord[] = [{ id: 1 as DomainId, name: 'example.org', shared: true }];
  readonly values = new Map<string, Buffer>();
  opened = 0;
  readonly open: OpenSettings = async (lease) => {
    this.opened++;
    const check = async () => {
      if (!lease.held()) throw new Failure('unavailable', 'no authority');
    };
    await check();
    const snapshot = (): SettingsDelta => ({
      version: this.version,
      whole: true,
      domains: [...this.domains],
      domainsDeleted: [],
      values: [...this.values],
    });
    return {
      version: this.version,
      snapshot,
      changesSince: () => undefined,
      change: async (change) => {
        await check();
        const { key, value } = change as { key: string; value: string | Buffer | null };
        if (value === null) this.values.delete(key);
        else this.values.set(key, Buffer.from(value as Buffer));
        const version = ++this.version;
        await check();
        return { version, result: `set ${key}` };
      },
      settled: check,
      close: async () => undefined,
      failed: new Promise(() => undefined),
    };
  };
}

export interface TestMember {
  readonly name: string;
  readonly platform: MemoryPlatform;
  readonly bus: MemoryBus;
  readonly node: SupervisorNode;
  worker: TestWorker;
}

export interface TestWorker {
  readonly bus: MemoryBus;
  readonly node: WorkerNode;
  readonly holder: TestHolder;
}

export class TestCluster {
  readonly clock = new ManualClock();
  readonly hub = new MemoryHub(this.clock);
  readonly fs = new MemoryFs({ kind: 'nfs' });
  readonly settings = new TestSettings();
  readonly members = new Map<string, TestMember>();
  /** What the workers of a member tell of their load; nothing, as those of an earlier version, where there is none. */
  readonly loads = new Map<string, () => WorkerLoad>();
  readonly times: ClusterTimes;
  #seed = 1;

  readonly logger: ClusterLogger;

  constructor(times: Partial<ClusterTimes> = {}, logger: ClusterLogger = noLog) {
    this.times = { ...DEFAULT_TIMES, ...times };
    this.logger = logger;
  }

  async init(): Promise<void> {
    await initStorage(this.fs, memoryPlatform({ seed: 99 }).random, { root: ROOT });
  }

  /** `level`: what its program knows. */
  async add(name: string, role: Role, fs = this.fs, level = new FeatureLevel()): Promise<TestMember> {
    const platform = memoryPlatform({ clock: this.clock, fs, seed: ++this.#seed });
    const bus = this.hub.bus(name, 'supervisor', `s-${name}`);
    const seeds = [...this.members.values()].map((member) => member.bus.self.address);
    const node = createSupervisorNode({
      platform,
      bus,
      role,
      seeds,
      times: this.times,
      lifeProofs: true,
      version: '1.2.3',
      level,
      logger: this.logger,
      ...(role === 'frontend' ? {} : { storage: { root: ROOT }, openSettings: this.settings.open }),
    });
    const holds = role !== 'frontend';
    const member = { name, platform, bus, node, worker: await this.worker(name, platform, bus, holds) };
    this.members.set(name, member);
    return member;
  }

  async worker(
    name: string,
    platform: MemoryPlatform,
    supervisor: MemoryBus,
    holds = true,
  ): Promise<TestWorker> {
    const bus = this.hub.bus(name, 'worker', `w${++this.#seed}-${name}`);
    const holder = new TestHolder();
    const node = await createWorkerNode({
      platform,
      bus,
      supervisor: supervisor.self.address,
      pid: this.#seed,
      times: this.times,
      logger: this.logger,
      load: () => this.loads.get(name)?.(),
      ...(holds ? { holder, storage: { root: ROOT } } : {}),
    });
    return { bus, node, holder };
  }

  member(name: string): TestMember {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  get controllers(): string[] {
    return [...this.members.values()].filter(({ node }) => node.isController()).map(({ name }) => name);
  }

  /** Advances a Heartbeat's fraction at a time until the condition holds; gives the milliseconds it took. */
  async until(condition: () => boolean, limitMs = 10_000): Promise<number> {
    for (let ms = 0; ms <= limitMs; ms += 10) {
      if (condition()) return ms;
      await this.clock.advance(10);
    }
    throw new Error(`not within ${limitMs} ms`);
  }

  /** Waits until every backend has its share and nothing moves. */
  async balanced(): Promise<void> {
    const backends = [...this.members.values()].filter(({ name }) => name.startsWith('be'));
    const share = Math.floor(SLOTS / backends.length);
    const isEven = () => backends.every(({ worker }) => Math.abs(worker.holder.held().length - share) <= 1);
    await this.until(isEven, 30_000);
    await this.clock.advance(500);
  }

  async stop(): Promise<void> {
    for (const { node, worker } of this.members.values()) {
      const stopped = Promise.all([worker.node.stop(0), node.stop()]);
      await this.clock.advance(3000);
      await stopped;
    }
  }
}

/**
 * A worker, put together: the bus, its node of the cluster, the owner's services where its member owns slots, the listeners
 * where clients are served. Symmetric and standalone members have both in one worker.
 */
import { join } from 'node:path';
import { createBus } from '../cluster/bus/bus.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { markedFs } from '../cluster/marked-fs.ts';
import { createWorkerNode } from '../cluster/node.ts';
import type { WorkerNode } from '../cluster/types.ts';
import { ClusterAuthenticator } from '../directory/authenticator.ts';
import { HashQueue } from '../directory/hash-queue.ts';
import { ProcessHasher } from '../directory/hasher.ts';
import { Names } from '../directory/names.ts';
import { RememberedLogins } from '../directory/remembered.ts';
import { TransactionNumbers } from '../directory/transactions.ts';
import { createLogger, type RootLogger } from '../lib/logging.ts';
import type { Platform } from '../platform/platform.ts';
import type { SettingName } from '../settings/settings.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { MemberAdministration } from './administration.ts';
import { type Front, LISTENERS, type Listening } from './listeners.ts';
import { createHost, serveOwner } from './owner.ts';
import type { Services, WorkerStart } from './protocol.ts';
import { DUTIES } from './roles.ts';
import { fenceFor, memberPlatform, storageRoot } from './storage.ts';
import { timesOf } from './times.ts';

/** Below the base folder; the supervisor and all workers append to it line by line. */
export const LOG_FILE = join('Logs', 'postern.log');

export interface RunningWorker {
  readonly services: Services;
  /** Ends in good order. */
  stop(graceMs: number): Promise<void>;
}

/** A listener that could not be opened: `setting` names where its address comes from. */
export class ListenError extends Error {
  readonly setting: SettingName;
  constructor(setting: SettingName, cause: unknown) {
    super(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.setting = setting;
  }
}

/** Resolves when the worker listens on everything and shows the cluster's state. After a rejection the process must end. */
export async function startWorker(start: WorkerStart): Promise<RunningWorker> {
  const { base, settings, member, index } = start;
  const logger = createLogger({
    level: settings.LogLevel,
    to: join(base, LOG_FILE),
    fields: { member, worker: index },
  });
  const platform = memberPlatform(base, settings.PoolSize);
  const bus = await createBus({
    platform,
    self: { member, role: 'worker', incarnation: start.incarnation },
    listen: { host: settings.ClusterAddress.host, port: 0 },
    clusterId: start.clusterId,
    logger: logger.child({ part: 'bus' }),
  });
  return new Worker(start, platform, bus, logger).run();
}

class Worker {
  readonly #start: WorkerStart;
  readonly #platform: Platform;
  readonly #bus: Bus;
  readonly #logger: RootLogger;
  readonly #processHasher: ProcessHasher;
  readonly #hasher: HashQueue;
  readonly #listening = new Map<string, Listening>();
  #isListening = false;

  constructor(start: WorkerStart, platform: Platform, bus: Bus, logger: RootLogger) {
    this.#start = start;
    this.#platform = platform;
    this.#processHasher = new ProcessHasher(platform.clock);
    this.#hasher = new HashQueue(this.#processHasher);
    this.#bus = bus;
    this.#logger = logger;
  }

  async run(): Promise<RunningWorker> {
    const { base, role, settings } = this.#start;
    const root = storageRoot(base);
    const stored = { ...this.#platform, fs: markedFs(this.#platform.fs, root) };
    const host = DUTIES[role].owns
      ? createHost(stored, root, await fenceFor(this.#platform, root, settings.StorageFence), this.#logger)
      : undefined;
    const node = await this.#join(root, host);
    const remembered = new RememberedLogins(this.#platform.random);
    if (host !== undefined)
      serveOwner({
        platform: stored,
        bus: this.#bus,
        node,
        host,
        root,
        hasher: this.#hasher,
        remembered,
        appendOctetsMax: settings.IMAPLiteralMax,
        logger: this.#logger,
      });
    const services = await this.#listen(this.#front(node, remembered));
    await node.ready;
    this.#logger.info({ services }, 'worker ready');
    return { services, stop: (graceMs) => this.#stop(node, host, graceMs) };
  }

  #join(root: string, host: ObjectHost | undefined): Promise<WorkerNode> {
    const { supervisor, seeds, settings } = this.#start;
    return createWorkerNode({
      platform: this.#platform,
      bus: this.#bus,
      supervisor,
      seeds,
      pid: process.pid,
      times: timesOf(settings),
      ...(host === undefined
        ? {}
        : { holder: host, storage: { root }, lifeHost: settings.ClusterAddress.host }),
      alsoReady: () => this.#isListening,
      logger: this.#logger.child({ part: 'cluster' }),
    });
  }

  #front(node: WorkerNode, remembered: RememberedLogins): Front {
    const { router, map, settings } = node;
    const { clock, random } = this.#platform;
    const isCurrent = (): boolean => node.isReady();
    const names = new Names({ router, map, bus: this.#bus, settings, isCurrent, clock, random });
    const authenticator = new ClusterAuthenticator({
      names,
      router,
      settings,
      hasher: this.#hasher,
      random,
      remembered,
    });
    return {
      platform: this.#platform,
      bus: this.#bus,
      node,
      directory: names,
      authenticator,
      administration: new MemberAdministration({
        node,
        names,
        authenticator,
        random,
        clustered: this.#start.role !== 'standalone',
      }),
      transactions: new TransactionNumbers(this.#start.incarnation),
      settings: this.#start.settings,
      hostName: this.#start.member,
      logger: this.#logger,
    };
  }

  /** All workers of a member share its ports; a port that the kernel is to choose belongs to the first. */
  async #listen(front: Front): Promise<Services> {
    const { role, settings, ports, index } = this.#start;
    for (const { service, setting, start } of LISTENERS.filter((row) => row.on(DUTIES[role]))) {
      const wanted = settings[setting];
      if (wanted === 'off' || (wanted.port === 0 && index > 0)) continue;
      const listen = wanted.port === 0 ? (ports[service] ?? wanted) : wanted;
      try {
        this.#listening.set(service, await start(front, listen, settings.Workers > 1 && wanted.port !== 0));
      } catch (cause) {
        throw new ListenError(setting, cause);
      }
    }
    this.#isListening = true;
    return Object.fromEntries([...this.#listening].map(([service, { address }]) => [service, address]));
  }

  async #stop(node: WorkerNode, host: ObjectHost | undefined, graceMs: number): Promise<void> {
    this.#isListening = false;
    // Clients first: what they wait for needs everything below.
    await Promise.all([...this.#listening.values()].map((listening) => listening.close(graceMs)));
    await node.stop(graceMs);
    await host?.close();
    await this.#bus.close();
    this.#processHasher[Symbol.dispose]();
    await this.#logger.close();
  }
}

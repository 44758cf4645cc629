/**
 * A worker, put together: the bus, its node of the cluster, the owner's services where its member owns slots, the listeners
 * where clients are served. Symmetric and standalone members have both in one worker.
 */
import { join } from 'node:path';
import { Certificates } from '../certificates/certificates.ts';
import { createBus } from '../cluster/bus/bus.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { FeatureLevel } from '../cluster/level.ts';
import { notReadyOf } from '../cluster/not-ready.ts';
import { followState } from '../cluster/security/follower.ts';
import type { MemberSecurity } from '../cluster/security/member-security.ts';
import type { Keyring } from '../cluster/security/types.ts';
import { markedFs } from '../cluster/storage/marked-fs.ts';
import type { WorkerNode } from '../cluster/types.ts';
import { createWorkerNode } from '../cluster/worker-node.ts';
import { watchAddresses } from '../directory/domains-by-address.ts';
import { Names } from '../directory/names.ts';
import { TransactionNumbers } from '../directory/transactions.ts';
import { VERSION } from '../flags.ts';
import type { FamilyName } from '../http/metrics/families.ts';
import { createBudget } from '../lib/budget.ts';
import { createLogger, type RootLogger } from '../lib/logging.ts';
import { Measures } from '../lib/measures.ts';
import { ClusterAuthenticator } from '../login/authenticator.ts';
import { Decoys } from '../login/decoys.ts';
import { HashQueue } from '../login/hash-queue.ts';
import { ProcessHasher } from '../login/hasher.ts';
import { RememberedLogins } from '../login/remembered.ts';
import type { Address, Platform } from '../platform/platform.ts';
import { TlsContexts } from '../platform/real/tls-contexts.ts';
import type { SettingName } from '../settings/settings.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { outsideAddresses } from './addresses.ts';
import { MemberAdministration } from './administration.ts';
import { ClientDoors } from './client-doors.ts';
import { logLastWords } from './last-words.ts';
import { type Front, LISTENERS, type ListenerRow, type Listening } from './listeners.ts';
import { LoadMeter } from './load.ts';
import { measuredAuthenticator, measuredBus, measuredFs } from './measured.ts';
import { createHost, serveOwner } from './owner.ts';
import type { Services, WorkerStart } from './protocol.ts';
import { DUTIES } from './roles.ts';
import { measureLoad, measureProcess, measureWorker, serveSamples } from './samples.ts';
import { fenceFor, memberPlatform, storageRoot } from './storage.ts';
import { timesOf } from './times.ts';

/** Below the base folder; the supervisor and all workers append to it line by line. */
export const LOG_FILE = join('Logs', 'postern.log');

export interface RunningWorker {
  readonly services: Services;
  /** Ends in good order. */
  stop(graceMs: number): Promise<void>;
}

/** Clients get so much of the time that a worker has to end; the rest is kept for giving the slots back. */
const CLIENTS_SHARE = 0.6;

/** A listener that could not be opened: `setting` names where its address comes from. */
export class ListenError extends Error {
  readonly setting: SettingName;
  constructor(setting: SettingName, cause: unknown) {
    super(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.setting = setting;
  }
}

/** So long a worker that faces clients waits for a certificate: what needs none is better served than nothing. */
const WITHOUT_TLS_MS = 10_000;

/** Resolves when the worker listens on everything and shows the cluster's state. After a rejection the process must end. */
export async function startWorker(start: WorkerStart, security: MemberSecurity): Promise<RunningWorker> {
  const { base, settings, member, index } = start;
  const logger = createLogger({
    level: settings.LogLevel,
    to: join(base, LOG_FILE),
    fields: { member, worker: index },
  });
  logLastWords(logger);
  const platform = memberPlatform(base, settings.PoolSize, logger.child({ part: 'net' }));
  const level = new FeatureLevel();
  const bus = await createBus({
    platform,
    level,
    self: { member, role: 'worker', incarnation: start.incarnation },
    listen: { host: settings.ClusterAddress.host, port: 0 },
    clusterId: start.clusterId,
    security,
    logger: logger.child({ part: 'bus' }),
  });
  return new Worker(start, platform, bus, level, security, logger).run();
}

class Worker {
  readonly #start: WorkerStart;
  /** Its rings are `security.ring('frontend')` …, as of each use. */
  readonly #security: MemberSecurity;
  readonly #platform: Platform;
  readonly #bus: Bus;
  readonly #level: FeatureLevel;
  readonly #doors: ClientDoors;
  readonly #logger: RootLogger;
  readonly #processHasher: ProcessHasher;
  readonly #hasher: HashQueue;
  readonly #measures = new Measures();
  readonly #load: LoadMeter;
  readonly #listening = new Map<string, readonly Listening[]>();
  readonly #ends = new DisposableStack();
  #certificates: Certificates | undefined;
  #listeningMs = Number.POSITIVE_INFINITY;
  #stopping = false;

  constructor(
    start: WorkerStart,
    platform: Platform,
    bus: Bus,
    level: FeatureLevel,
    security: MemberSecurity,
    logger: RootLogger,
  ) {
    this.#start = start;
    this.#platform = platform;
    this.#processHasher = this.#ends.use(new ProcessHasher(platform.clock));
    this.#hasher = new HashQueue(this.#processHasher);
    this.#bus = measuredBus(bus, this.#measures);
    this.#load = this.#ends.use(new LoadMeter({ clock: platform.clock, weight: start.settings.Weight }));
    this.#security = security;
    this.#level = level;
    this.#logger = logger;
    const { clock } = platform;
    this.#doors = new ClientDoors({ clock, logger, delayMs: start.settings.NotReadyDelay });
  }

  async run(): Promise<RunningWorker> {
    const { base, role, settings } = this.#start;
    const root = storageRoot(base);
    const { fs, clock, random } = this.#platform;
    const { owns } = DUTIES[role];
    const stored = owns
      ? { ...this.#platform, fs: measuredFs(markedFs(fs, root), clock, this.#measures) }
      : this.#platform;
    const host = owns
      ? createHost(
          stored,
          root,
          await fenceFor(this.#platform, root, settings.StorageFence),
          this.#load.count,
          this.#logger,
        )
      : undefined;
    const node = await this.#join(root, host);
    followState(this.#security, node.settings, this.#logger);
    const remembered = new RememberedLogins(random);
    const changeSettings = node.changeSettings.bind(node);
    const decoys = new Decoys({ settings: node.settings, changeSettings, random });
    if (host !== undefined)
      serveOwner({
        platform: stored,
        bus: this.#bus,
        node,
        host,
        countOperation: this.#load.count,
        root,
        hasher: this.#hasher,
        remembered,
        decoys,
        appendOctetsMax: settings.IMAPLiteralMax,
        sessionsMax: settings.MaxSessionsPerAccount,
        logger: this.#logger,
      });
    const front = this.#front(node, remembered, decoys);
    this.#serveFigures(front);
    const services = await this.#listen(front);
    this.#followNotReady(node);
    await node.ready;
    this.#logger.info({ services }, 'worker ready');
    return {
      services,
      stop: (graceMs) => this.#stop(node, host, graceMs),
    };
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
      load: () => this.#load.load,
      alsoReady: () => !this.#stopping && this.#isListening(),
      takesClients: () => this.#doors.areOpen,
      connections: () => this.#connections(),
      level: this.#level,
      logger: this.#logger.child({ part: 'cluster' }),
    });
  }

  /** Who has never been ready was sent no client either, and closes at once: after a restart of a member that is Not-Ready. */
  #followNotReady(node: WorkerNode): void {
    const { settings } = node;
    let hasServed = false;
    void node.ready.then(() => {
      hasServed = true;
    });
    const look = (): void => {
      const isNotReady = notReadyOf(settings, this.#start.member) !== undefined;
      this.#doors.be(isNotReady ? 'shut' : 'open', !hasServed);
    };
    this.#ends.defer(settings.onChange(look));
    look();
  }

  #connections(): number {
    let count = 0;
    for (const { service, isManagement } of LISTENERS)
      if (isManagement !== true)
        for (const { connections } of this.#listening.get(service) ?? []) count += connections;
    return count;
  }

  /** A new cluster's certificate is made when it has a controller: until then a client would be refused its TLS. */
  #isListening(): boolean {
    const forMs = this.#platform.clock.monotonicMs() - this.#listeningMs;
    const hasTls = !DUTIES[this.#start.role].faces || this.#certificates?.isUsable === true;
    return forMs >= (hasTls ? 0 : WITHOUT_TLS_MS);
  }

  #front(node: WorkerNode, remembered: RememberedLogins, decoys: Decoys): Front {
    const { router, map, settings } = node;
    const { clock, random } = this.#platform;
    const { settings: own, member, role, incarnation, index } = this.#start;
    const isCurrent = (): boolean => node.isReady();
    const names = new Names({ router, map, bus: this.#bus, settings, isCurrent, clock, random });
    const ring = (): Keyring => this.#security.ring('frontend');
    const certificates = new Certificates({ settings, ring, logger: this.#logger.child({ part: 'tls' }) });
    const addresses = this.#ends.adopt(watchAddresses(settings), (watched) => watched.stop());
    this.#certificates = certificates;
    this.#ends.defer(() => certificates.close());
    const { domainByAddress, ownedAs } = outsideAddresses(
      (host) => addresses.domainByAddress(host),
      own.WANAddresses,
    );
    const authenticator = new ClusterAuthenticator({
      names,
      router,
      settings,
      hasher: this.#hasher,
      random,
      remembered,
      decoys,
      logger: this.#logger.child({ part: 'log-in' }),
      domainByAddress,
      slowed: (service) => {
        this.#measures.tally('postern_logins_slowed_total' satisfies FamilyName, { service }).count++;
      },
    });
    const clustered = role !== 'standalone';
    return {
      platform: this.#platform,
      bus: this.#bus,
      node,
      directory: names,
      authenticator: measuredAuthenticator(authenticator, clock, this.#measures),
      administration: new MemberAdministration({ node, names, authenticator, random, ring, clustered }),
      transactions: new TransactionNumbers(incarnation),
      tls: {
        minVersion: own.MinTLS,
        identity: (serverName, local) =>
          certificates.identity(serverName, { ...local, host: ownedAs(local.host) }),
        ticketKeys: () => certificates.ticketKeys(),
      },
      certificates,
      doors: this.#doors,
      receiving: createBudget(own.MaxReceivingMemory),
      measures: this.#measures,
      contexts: new TlsContexts(),
      settings: own,
      member,
      hostName: own.HostName === '' ? member : own.HostName,
      worker: String(index),
      supervisor: this.#start.supervisor,
      logger: this.#logger,
    };
  }

  /** Whichever worker is asked for the figures of the member asks all of them. */
  #serveFigures({ node, receiving, settings, member }: Front): void {
    serveSamples(this.#bus, String(this.#start.index), this.#measures);
    measureWorker(this.#measures, node, receiving, { member, level: this.#level });
    measureLoad(this.#measures, () => this.#load.load);
    // Looking at the event loop costs a little all the time.
    if (settings.AdminListener.length === 0) return;
    const labels = { version: VERSION, role: this.#start.role };
    this.#ends.use(measureProcess(this.#measures, labels, this.#platform.clock));
  }

  async #listen(front: Front): Promise<Services> {
    const { role } = this.#start;
    for (const row of LISTENERS.filter(({ on }) => on(DUTIES[role]))) {
      const { service, setting } = row;
      try {
        const listening = await this.#listenTo(front, row);
        if (listening.length > 0) this.#listening.set(service, listening);
      } catch (cause) {
        throw new ListenError(setting, cause);
      }
    }
    this.#listeningMs = this.#platform.clock.monotonicMs();
    const first = [...this.#listening].map(([service, [one]]) => [service, one?.address] as const);
    return Object.fromEntries(first.filter((each): each is [string, Address] => each[1] !== undefined));
  }

  /** All workers of a member share its ports; a port that the kernel is to choose belongs to the first. */
  async #listenTo(front: Front, { service, setting, start }: ListenerRow): Promise<readonly Listening[]> {
    const { settings, ports, index } = this.#start;
    const listening: Listening[] = [];
    for (const wanted of settings[setting]) {
      if (wanted.port === 0 && index > 0) continue;
      const address = wanted.port === 0 ? (ports[service] ?? wanted) : wanted;
      listening.push(await start(front, { address, shared: settings.Workers > 1 && wanted.port !== 0 }));
    }
    if (listening.length === 0) return listening;
    this.#measures.gauge('postern_connections' satisfies FamilyName, { service }, () =>
      listening.reduce((sum, { connections }) => sum + connections, 0),
    );
    return listening;
  }

  async #stop(node: WorkerNode, host: ObjectHost | undefined, graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#doors.end();
    const untilMs = this.#platform.clock.monotonicMs() + graceMs;
    const [clients, management] = this.#parted();
    // Clients first: what they wait for needs everything below.
    await this.#within(graceMs * CLIENTS_SHARE, closeAll(clients, graceMs * CLIENTS_SHARE));
    await node.stop(Math.max(0, untilMs - this.#platform.clock.monotonicMs()));
    // Balancers are told 503 as long as anything is still served.
    await closeAll(management, 0);
    await host?.close();
    await this.#bus.close();
    this.#ends.dispose();
    await this.#logger.close();
  }

  /** Whatever becomes of the clients, the slots get their time: else others wait for them until the leases run out. */
  async #within(ms: number, closing: Promise<void>): Promise<void> {
    const over = new AbortController();
    const late = this.#platform.clock.sleep(ms, over.signal).catch(() => undefined);
    const closed = closing.catch((error: unknown) =>
      this.#logger.error({ err: error }, 'listeners not closed in order'),
    );
    await Promise.race([closed, late]);
    over.abort();
  }

  #parted(): readonly [clients: readonly Listening[], management: readonly Listening[]] {
    const of = (isLast: boolean): readonly Listening[] =>
      [...this.#listening]
        .filter(([service]) =>
          LISTENERS.some((row) => row.service === service && (row.isLast ?? false) === isLast),
        )
        .flatMap(([, listening]) => listening);
    return [of(false), of(true)];
  }
}

async function closeAll(listening: readonly Listening[], graceMs: number): Promise<void> {
  await Promise.all(listening.map((each) => each.close(graceMs)));
}

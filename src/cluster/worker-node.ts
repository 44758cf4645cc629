/**
 * A worker's node: it hears the controller, renews its leases each Heartbeat, tells its supervisor that it is there, and
 * gives map, settings and router to the services of its process. Nothing of it waits for storage: the probe and the
 * controller's nonce are read beside the timer.
 */

import { Failure } from '../lib/failure.ts';
import type { Address, Platform, Timer } from '../platform/platform.ts';
import type { Incarnation, Slot } from '../store/ids.ts';
import type { Bus } from './bus/types.ts';
import { Complaint } from './complaint.ts';
import { decodeHeartbeat, readHeartbeat } from './control/heartbeat-file.ts';
import { logEvent } from './events.ts';
import { LeaseClient } from './leases/client.ts';
import { openLifeSocket } from './leases/life.ts';
import { StorageProbe } from './leases/probe.ts';
import { FeatureLevel } from './level.ts';
import {
  fields,
  type Hello,
  helloBody,
  leasesBody,
  type RenewalAnswer,
  readControlEpoch,
  readRenewalAnswer,
  readStatement,
  renewalBody,
  Service,
  type Statement,
  type WorkerInfo,
} from './messages.ts';
import { notReadyOf } from './not-ready.ts';
import { Router } from './router.ts';
import { StorageAdmission } from './storage/admission.ts';
import { timesFrom } from './times.ts';
import type {
  ClusterLogger,
  ClusterTimes,
  NodeStorage,
  SlotHolder,
  SlotRouter,
  Standing,
  WorkerLoad,
  WorkerNode,
} from './types.ts';
import { Outage } from './view/outage.ts';
import { Presence } from './view/presence.ts';
import { Reach } from './view/reach.ts';
import type { Said } from './view/readiness.ts';
import { View } from './view/view.ts';
import { successors, WarmConnections } from './view/warm.ts';

/** `stop` lets its releases take so long unless told otherwise. */
const STOP_GRACE_MS = 5000;

export interface WorkerNodeOptions {
  readonly platform: Platform;
  readonly bus: Bus;
  /** This worker's incarnation; that of the bus unless a supervisor lives in the same process. */
  readonly incarnation?: Incarnation;
  /** Its own supervisor's bus. */
  readonly supervisor: Address;
  readonly seeds?: readonly Address[];
  readonly pid: number;
  readonly times?: Partial<ClusterTimes>;
  /** With it the worker may own slots; `storage` is needed then. */
  readonly holder?: SlotHolder;
  readonly storage?: NodeStorage;
  /** The host on which to open a life socket; none without it. */
  readonly lifeHost?: string;
  /** What to tell of the load of this process; nothing while there is no figure yet. */
  readonly load?: () => WorkerLoad | undefined;
  /** A further condition for being ready: listeners open, services up. */
  readonly alsoReady?: () => boolean;
  /** False while it is closed to clients, however ready it is: balancers are told so. */
  readonly takesClients?: () => boolean;
  /** Connections of clients now. */
  readonly connections?: () => number;
  /** The one that its bus has too. */
  readonly level?: FeatureLevel;
  readonly logger: ClusterLogger;
}

/** Opens the life socket first ("opened before the first lease"), then begins to renew. */
export async function createWorkerNode(options: WorkerNodeOptions): Promise<WorkerNode> {
  const incarnation = options.incarnation ?? options.bus.self.incarnation;
  const { lifeHost, holder, platform } = options;
  const life = holder && lifeHost ? await openLifeSocket(platform.net, lifeHost, incarnation) : undefined;
  const node = new Worker(options, {
    incarnation,
    address: options.bus.self.address,
    pid: options.pid,
    life: life?.address,
    holds: holder !== undefined,
  });
  node.start();
  return node;
}

class Worker implements WorkerNode {
  readonly router: SlotRouter;
  readonly #o: WorkerNodeOptions;
  readonly #times: ClusterTimes;
  readonly #self: WorkerInfo;
  readonly #view: View;
  readonly #reach: Reach;
  readonly #presence: Presence;
  readonly #outage: Outage;
  readonly #warm: WarmConnections;
  readonly #client: LeaseClient;
  readonly #probe: StorageProbe | undefined;
  readonly #admission: StorageAdmission;
  readonly #level: FeatureLevel;
  /** Undefined before the first answer. */
  #storageAnswers: boolean | undefined;
  #nonce: { readonly controlEpoch: number; readonly nonce: string } | undefined;
  #nonceKnownTo = 0;
  #nonceReading = false;
  readonly #noNonce: Complaint;
  #answeredAt = -Infinity;
  #draining = false;
  #stopped = false;
  #timer: Timer | undefined;
  #soon: Timer | undefined;

  constructor(options: WorkerNodeOptions, self: WorkerInfo) {
    this.#o = options;
    this.#self = self;
    this.#times = timesFrom(options.times);
    const { bus, platform, logger, supervisor, storage, holder } = options;
    const { clock } = platform;
    if (holder !== undefined) {
      if (storage === undefined) throw new TypeError('a worker that owns slots needs their storage');
      this.#probe = new StorageProbe(platform.fs, clock, storage, self.incarnation, this.#times, logger);
    }
    this.#noNonce = new Complaint(logger, "the controller's nonce is not read");
    this.#admission = new StorageAdmission(platform.fs, holder && storage, logger);
    this.#view = new View({
      bus,
      logger,
      clock,
      times: this.#times,
      seeds: [supervisor, ...(options.seeds ?? [])],
      ownSupervisor: supervisor,
      alsoReady: () =>
        this.refusal() === undefined &&
        !this.#draining &&
        this.#reach.all() &&
        (options.alsoReady?.() ?? true),
      changed: () => this.#wake(),
    });
    this.#level = options.level ?? new FeatureLevel();
    this.#level.follow(this.#view.settings);
    this.#reach = new Reach(this.#view.detour, clock, this.#view.map, this.#times, (owner) =>
      this.#view.isSilent(owner),
    );
    this.#presence = new Presence(clock.monotonicMs());
    this.#outage = new Outage(bus, this.#times, supervisor, () => this.#view.otherSupervisors());
    this.#warm = new WarmConnections(bus, this.#times.controlLeaseMs, () => successors(this.#view.members));
    this.#client = new LeaseClient({
      holder,
      logger,
      incarnation: self.incarnation,
      now: () => clock.monotonicMs(),
      storageFresh: () => this.#probe?.isFresh(clock.monotonicMs()) ?? true,
      wake: () => this.#wake(),
    });
    this.router = new Router(this.#view.map, clock, this.#times.heartbeatMs, {
      call: async (owner, service, body, callOptions) => {
        const { detour } = this.#view;
        if (!this.#reach.isDirect(owner.incarnation))
          return detour.relayed(owner.address, service, body, callOptions);
        const answer = await detour.direct(owner.address, service, body, callOptions);
        this.#reach.answered(owner.incarnation);
        return answer;
      },
      refreshMap: () => this.#view.refreshMap(),
    });
  }

  get map() {
    return this.#view.map;
  }

  get settings() {
    return this.#view.settings;
  }

  get ready() {
    return this.#view.ready;
  }

  start(): void {
    const { bus } = this.#o;
    bus.onNotice(Service.workerStatement, (body) => this.#statement(readStatement(body)));
    bus.serve(Service.workerPing, () => this.#self.incarnation);
    bus.serve(Service.leases, (body) =>
      this.#report(readControlEpoch(fields(body, 'question').controlEpoch)),
    );
    this.#tick();
  }

  status() {
    return this.#view.status();
  }

  controller() {
    return this.#view.controller();
  }

  isReady() {
    return this.#view.isReady();
  }

  slots() {
    return this.#client.size;
  }

  moves() {
    return this.#view.moves;
  }

  moveSlot(slot: Slot, member: string, options: { readonly timeoutMs: number }) {
    return this.#view.moveSlot(slot, member, options.timeoutMs);
  }

  refreshMap() {
    this.#view.refreshMap();
  }

  refreshStatus(timeoutMs: number) {
    return this.#view.refreshStatus(timeoutMs);
  }

  standing(): Standing {
    const missing = this.#view.missing();
    const { member } = this.#o.bus.self;
    const draining =
      this.#draining || this.#view.members.some((each) => each.name === member && each.draining);
    const { alsoReady, takesClients } = this.#o;
    const isClosed = notReadyOf(this.#view.settings, member) !== undefined || takesClients?.() === false;
    const isOwn = draining || isClosed || this.refusal() !== undefined || alsoReady?.() === false;
    // What is gone for everybody besides does not bring back a member that stops or has no storage.
    if (isOwn) return 'not-ready';
    if (missing === undefined) return 'ready';
    return this.#outage.isForAll(this.#now(), missing) ? 'degraded' : 'not-ready';
  }

  storage() {
    const probe = this.#probe;
    return probe && { ageMs: probe.ageMs(this.#now()), latencyMs: probe.latencyMs };
  }

  goneForMs(incarnation: Incarnation) {
    return this.#presence.goneForMs(incarnation);
  }

  refusal() {
    return this.#admission.why ?? this.#level.refusal;
  }

  changeSettings(change: unknown, options: { readonly timeoutMs: number; readonly signal?: AbortSignal }) {
    return this.#view.changeSettings(change, options);
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    this.#wake();
    while (!signal.aborted && !this.#client.isEmpty)
      await this.#o.platform.clock.sleep(this.#times.heartbeatMs, signal).catch(() => undefined);
  }

  async stop(graceMs = STOP_GRACE_MS): Promise<void> {
    const { clock } = this.#o.platform;
    this.#draining = true;
    this.#client.releaseAll();
    const until = clock.monotonicMs() + graceMs;
    while (!this.#client.isEmpty && clock.monotonicMs() < until)
      await clock.sleep(this.#times.heartbeatMs / 4);
    this.#stopped = true;
    this.#timer?.cancel();
    this.#soon?.cancel();
    this.#view.stop();
    this.#client.dropAll();
    // Not awaited: storage that does not answer must not hold up the end of the process.
    this.#probe?.close().catch((error: unknown) => this.#o.logger.warn({ err: error }, 'probe not closed'));
  }

  // ---- each Heartbeat

  #tick(): void {
    if (this.#stopped) return;
    this.#timer = this.#o.platform.clock.timer(this.#times.heartbeatMs, () => this.#tick());
    this.#storage();
    this.#o.bus.notify(this.#o.supervisor, Service.hello, helloBody(this.#hello()));
    this.#renew();
    this.#reach.tick();
    this.#view.tick();
    this.#presence.tick(this.#now(), this.#there());
    this.#outage.tick(this.#now(), this.#view.missing());
    this.#warm.tick(this.#now());
  }

  #hello(): Hello {
    const [ready, slots] = [this.#view.isReady(), this.#client.size];
    const [connections, load] = [this.#o.connections?.(), this.#o.load?.()];
    const facts = {
      ready,
      slots,
      storageMs: this.#probe?.latencyMs,
      refusal: this.refusal(),
      connections,
      ...(load && { load }),
    };
    return { worker: this.#self, ready, slots, facts };
  }

  /** Every worker of a member that is not gone, as the controller's list has it. */
  #there(): readonly Incarnation[] | undefined {
    if (this.#view.controller() === undefined) return undefined;
    const present = this.#view.members.filter(({ state }) => state !== 'gone');
    return present.flatMap(({ info }) => info.map(({ incarnation }) => incarnation));
  }

  /** Starts what is due on the storage, and waits for none of it. */
  #storage(): void {
    const { storage } = this.#o;
    if (storage === undefined || this.#probe === undefined) return;
    if (this.#admission.clusterId === undefined)
      return this.#admission.look(() => this.#view.hearing.last?.clusterId);
    if (this.#probe.ageMs(this.#now()) >= this.#times.probeEveryMs) this.#probe.start();
    this.#watchProbe(this.#probe.isFresh(this.#now()));
    this.#readNonce(storage);
  }

  #watchProbe(isFresh: boolean): void {
    if (isFresh === this.#storageAnswers) return;
    const isFirst = this.#storageAnswers === undefined;
    // Not before the first probe has had its time.
    if (isFirst && !isFresh) return;
    this.#storageAnswers = isFresh;
    if (!isFirst) logEvent(this.#o.logger, isFresh ? 'storage-back' : 'storage-silent');
  }

  /** "Before its first slot a member reads through its own mount a nonce that the controller wrote through its." */
  #readNonce(storage: NodeStorage): void {
    const controlEpoch = this.#view.hearing.controller()?.controlEpoch;
    if (controlEpoch === undefined || this.#nonceReading || this.#nonceKnownTo === controlEpoch) return;
    if (this.#nonce?.controlEpoch === controlEpoch) return;
    this.#nonceReading = true;
    void readHeartbeat(this.#o.platform.fs, storage.root, controlEpoch)
      .finally(() => {
        this.#nonceReading = false;
      })
      .then(
        (octets) => {
          this.#noNonce.over();
          const heartbeat = decodeHeartbeat(octets);
          if (heartbeat?.controlEpoch !== controlEpoch) return;
          this.#nonce = { controlEpoch, nonce: heartbeat.nonce };
          this.#wake();
        },
        (error: unknown) => this.#noNonce.about(error, { controlEpoch }),
      );
  }

  #wake(): void {
    if (this.#stopped) return;
    this.#soon ??= this.#o.platform.clock.timer(0, () => {
      this.#soon = undefined;
      this.#renew();
    });
  }

  #renew(): void {
    const controller = this.#view.hearing.controller();
    if (this.#stopped || controller === undefined) return;
    // Given nothing while its storage is not the right one: it does not even ask.
    if (this.#admission.why !== undefined && this.#client.isEmpty) return;
    const { controlEpoch, address } = controller;
    const { member } = this.#o.bus.self;
    const now = this.#now();
    const said = this.#view.say();
    const part = this.#client.request(controlEpoch);
    const body = renewalBody({
      ...part,
      controlEpoch,
      member,
      supervisor: this.#o.supervisor,
      worker: this.#self,
      quote: this.#view.hearing.last?.counter ?? 0,
      ready: said.ready,
      draining: this.#draining,
      settingsVersion: this.#view.settings.version,
      nonce: this.#nonce?.controlEpoch === controlEpoch ? this.#nonce.nonce : '',
      probeAgeMs: this.#probe?.isFresh(now) ? this.#probe.ageMs(now) : undefined,
      load: this.#o.load?.(),
    });
    this.#view.detour.insist(address, Service.renew, body, {
      timeoutMs: this.#times.controlLeaseMs,
      // Cut from the controller, but perhaps not from everybody.
      detour: now - this.#answeredAt >= 2 * this.#times.heartbeatMs,
      read: readRenewalAnswer,
      answered: (answer) => this.#answered(controlEpoch, said, answer),
      // No answer, or one that makes no sense, renews nothing; the next Heartbeat asks again.
      unanswered: (error) => this.#view.unanswered(error),
    });
  }

  #answered(controlEpoch: number, said: Said, answer: RenewalAnswer): void {
    if (this.#stopped) return;
    if (!this.#view.statement(answer.statement) || answer.statement.controlEpoch !== controlEpoch) return;
    this.#answeredAt = this.#now();
    if (answer.serial > 0) this.#view.counted(said, answer.statement);
    if (answer.nonceKnown) this.#nonceKnownTo = controlEpoch;
    if (controlEpoch === this.#view.hearing.accepted) this.#client.answered(controlEpoch, answer);
  }

  #statement(statement: Statement): void {
    if (this.#stopped) return;
    if (!this.#admission.isOurs(statement.clusterId)) return;
    const before = this.#view.hearing.controller()?.controlEpoch;
    if (!this.#view.statement(statement)) return;
    if (before !== statement.controlEpoch) this.#storage();
    if (statement.poke || before !== statement.controlEpoch) this.#wake();
  }

  /** A candidate asks; the answer binds: from now on smaller control epochs are refused. */
  #report(controlEpoch: number): Record<string, unknown> {
    if (!this.#view.hearing.accept(controlEpoch))
      throw new Failure('refused', 'a larger control epoch was answered');
    return leasesBody({ worker: this.#self, member: this.#o.bus.self.member, ...this.#client.report() });
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}

/**
 * The supervisor's node of a member: it hears the controller and reports to it each Heartbeat, keeps its workers, serves
 * as a relay, and on backends stands for control. Handlers answer from memory.
 */
import { Failure } from '../lib/failure.ts';
import type { Address, Platform, Timer } from '../platform/platform.ts';
import type { Incarnation, Slot } from '../store/ids.ts';
import { sameAddress } from './addresses.ts';
import type { Bus, Peer } from './bus/types.ts';
import type { Controller } from './control/controller.ts';
import { Decisions } from './control/decisions.ts';
import type { EventCounts } from './control/journal.ts';
import { Stand } from './control/stand.ts';
import type { MemberFacts } from './facts.ts';
import { noMoves } from './leases/giver.ts';
import { LifeWatch } from './leases/life.ts';
import { FeatureLevel } from './level.ts';
import {
  askBody,
  type Fields,
  fields,
  type Hello,
  type Report,
  readControlEpoch,
  readHello,
  readRenewal,
  readReport,
  readStatement,
  renewalAnswerBody,
  reportBody,
  Service,
  type Statement,
  settingsVersion,
  slot,
  text,
  uint,
} from './messages.ts';
import { Newest } from './newest.ts';
import { membersBody, readSettingsCursor, settingsBody } from './news.ts';
import { givesSlotsAway, notReadyOf } from './not-ready.ts';
import { OwnWorkers } from './own-workers.ts';
import { isBackendRole } from './roles.ts';
import { mayAsk, mayChange, mayRenew, mayReport, mayState } from './security/speakers.ts';
import { StorageAdmission } from './storage/admission.ts';
import { timesFrom, withMargin } from './times.ts';
import type {
  ClusterLogger,
  ClusterTimes,
  Decide,
  NodeStorage,
  OpenSettings,
  Role,
  SupervisorNode,
} from './types.ts';
import { Pointer } from './view/pointer.ts';
import type { Said } from './view/readiness.ts';
import { View } from './view/view.ts';
import { everybody, successors, WarmConnections } from './view/warm.ts';

/** Deaths that are reported again and again, the newest of them. */
const DEAD_KEPT = 32;
/** The last word in the heartbeat file may take so long. */
const STOP_MS_MAX = 2000;

export interface SupervisorNodeOptions {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly role: Role;
  /** Supervisors of the backends (BackendAddresses); may name this one too. */
  readonly seeds: readonly Address[];
  readonly times?: Partial<ClusterTimes>;
  /** Needed by every role but a frontend. */
  readonly storage?: NodeStorage;
  /** How the controller opens the cluster settings; needed with `storage`. */
  readonly openSettings?: OpenSettings;
  /** Of the program, for the status. */
  readonly version?: string;
  /** The one that its bus has too. */
  readonly level?: FeatureLevel;
  /** Life connections prove the death of other members' workers (on only where the address it bound is the one that peers see). */
  readonly lifeProofs?: boolean;
  readonly logger: ClusterLogger;
}

export function createSupervisorNode(options: SupervisorNodeOptions): SupervisorNode {
  const node = new Supervisor(options);
  node.start();
  return node;
}

class Supervisor implements SupervisorNode {
  readonly #o: SupervisorNodeOptions;
  readonly #times: ClusterTimes;
  readonly #view: View;
  readonly #decisions: Decisions;
  readonly #workers: OwnWorkers;
  readonly #dead = new Newest<Incarnation>(DEAD_KEPT);
  readonly #life: LifeWatch;
  readonly #warm: WarmConnections;
  #stand: Stand | undefined;
  readonly #counts: EventCounts = new Map();
  readonly #moves = noMoves();
  readonly #admission: StorageAdmission;
  readonly #level: FeatureLevel;
  readonly #pointer = new Pointer();
  #answeredAt = -Infinity;
  #draining = false;
  #timer: Timer | undefined;
  #stopped = false;
  readonly #startedAt: number;

  constructor(options: SupervisorNodeOptions) {
    this.#o = options;
    this.#startedAt = options.platform.clock.monotonicMs();
    this.#times = timesFrom(options.times);
    this.#level = options.level ?? new FeatureLevel();
    this.#workers = new OwnWorkers(withMargin(this.#times.unheardMs, this.#times));
    const { bus, platform, logger, seeds } = options;
    this.#view = new View({
      bus,
      logger,
      seeds,
      clock: platform.clock,
      times: this.#times,
      alsoReady: () => this.#workersReady(),
      changed: () => this.#report(),
    });
    this.#level.follow(this.#view.settings);
    this.#decisions = new Decisions({
      clock: platform.clock,
      lookMs: this.#times.heartbeatMs / 4,
      settings: this.#view.settings,
      newest: () => this.#acting().statement().settingsVersion,
      change: (change, signal) => this.#acting().change(change, signal),
    });
    const needed = isBackendRole(options.role) ? everybody : successors;
    this.#warm = new WarmConnections(bus, this.#times.controlLeaseMs, () => needed(this.#view.members));
    this.#life = new LifeWatch(platform.net, platform.clock, this.#times.heartbeatMs, (incarnation) =>
      this.workerExited(incarnation),
    );
    const storage = isBackendRole(options.role) ? options.storage : undefined;
    if (isBackendRole(options.role) && storage === undefined)
      throw new TypeError('a backend needs its storage');
    this.#admission = new StorageAdmission(platform.fs, storage, logger);
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
    this.#serve();
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

  isController() {
    return this.#controller()?.hasAuthority() ?? false;
  }

  refusal() {
    const unheard = this.#view.controller() === undefined;
    return this.#unfit() ?? (unheard ? this.#level.turnedAwayWith : undefined);
  }

  eventCounts() {
    return this.#counts;
  }

  moveCounts() {
    return { ...this.#moves };
  }

  moves() {
    return this.#view.moves;
  }

  moveSlot(slot: Slot, member: string, options: { readonly timeoutMs: number }) {
    return this.#view.moveSlot(slot, member, options.timeoutMs);
  }

  refreshStatus(timeoutMs: number) {
    return this.#view.refreshStatus(timeoutMs);
  }

  changeSettings(change: unknown, options: { readonly timeoutMs: number; readonly signal?: AbortSignal }) {
    return this.#view.changeSettings(change, options);
  }

  get decide(): Decide {
    return this.#decisions.decide;
  }

  workerExited(incarnation: Incarnation): void {
    this.#workers.gone(incarnation);
    if (this.#dead.has(incarnation)) return;
    this.#dead.add(incarnation);
    this.#report();
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    this.#report();
    while (!signal.aborted && this.#workers.haveSlots)
      await this.#o.platform.clock.sleep(this.#times.heartbeatMs, signal).catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#life.stop();
    this.#view.stop();
    // Storage that does not answer must not hold up the end of the process.
    const over = new AbortController();
    const late = this.#o.platform.clock.sleep(STOP_MS_MAX, over.signal).catch(() => undefined);
    await Promise.race([this.#stand?.stop(), late]);
    over.abort();
  }

  // ---- each Heartbeat

  #tick(): void {
    if (this.#stopped) return;
    this.#timer = this.#o.platform.clock.timer(this.#times.heartbeatMs, () => this.#tick());
    const now = this.#now();
    this.#workers.tick(now);
    this.#admission.look(
      () => this.#view.hearing.last?.clusterId,
      (clusterId) => this.#stands(clusterId),
    );
    if (this.#level.required > this.#level.known) void this.#stand?.stop();
    this.#stand?.tick();
    const controller = this.#controller();
    if (controller !== undefined) this.#heardStatement(controller.statement());
    this.#report();
    this.#seek();
    this.#view.tick();
    this.#warm.tick(now);
    if (this.#o.lifeProofs && isBackendRole(this.#o.role))
      this.#life.watch(
        this.#view.members
          .flatMap((member) => member.info)
          .flatMap(({ incarnation, life }) => (life === undefined ? [] : [{ incarnation, life }])),
      );
  }

  /** "Stands for nothing" before its storage is the right one. */
  #stands(clusterId: string): void {
    const { storage, platform, role, openSettings, lifeProofs, logger, bus } = this.#o;
    if (this.#stopped || storage === undefined) return;
    this.#stand = new Stand(
      {
        platform,
        bus,
        logger,
        openSettings,
        level: this.#level,
        reserves: (member) => notReadyOf(this.#view.settings, member) !== undefined,
        times: this.#times,
        root: storage.root,
        lifeProofs: lifeProofs ?? false,
        alone: role === 'standalone',
        mapBefore: this.#view.map,
        before: { counts: this.#counts, moves: this.#moves, membersBefore: () => this.#view.members },
        supervisors: () => this.#view.otherSupervisors(),
        workers: () => this.#knownWorkers(),
        rank: () => this.#view.rank(),
        // By its certificate whoever answers is of this cluster; what a frontend says of its storage must stop nobody.
        isOurs: (id) => bus.self.proven !== undefined || this.#isOurs(id),
        accept: (controlEpoch) => this.#view.hearing.accept(controlEpoch),
        acting: () => this.#report(),
      },
      clusterId,
    );
  }

  #isOurs(clusterId: string): boolean {
    if (this.#admission.isOurs(clusterId)) return true;
    const stand = this.#stand;
    if (stand?.controller === undefined) void stand?.stop();
    return false;
  }

  #report(): void {
    if (this.#stopped) return;
    const own = this.#controller();
    if (own !== undefined) {
      const said = this.#view.say();
      const statement = own.report(this.#reportNow(said));
      if (this.#view.statement(statement)) this.#view.counted(said, statement);
      return;
    }
    // A pointer is there only while no controller is heard, and is dropped when one is.
    const to = this.#pointer.to ?? this.#view.hearing.controller()?.address;
    if (to === undefined) return;
    const said = this.#view.say();
    this.#view.detour.insist(to, Service.report, reportBody(this.#reportNow(said)), {
      timeoutMs: this.#times.controlLeaseMs,
      detour: this.#now() - this.#answeredAt >= 2 * this.#times.heartbeatMs,
      read: readStatement,
      answered: (statement) => {
        if (this.#stopped || !this.#heardStatement(statement)) return;
        this.#answeredAt = this.#now();
        this.#view.counted(said, statement);
      },
      // The next Heartbeat asks again, and takes a detour.
      unanswered: (error) => this.#view.unanswered(error),
    });
  }

  #reportNow({ seq, ready }: Said): Report {
    const last = this.#view.hearing.last;
    const { member, incarnation, address } = this.#o.bus.self;
    return {
      controlEpoch: this.#view.hearing.accepted,
      quote: last?.counter ?? 0,
      member,
      incarnation,
      seq,
      address,
      ready,
      role: this.#o.role,
      draining: this.#draining || givesSlotsAway(this.#view.settings, member, this.#o.role),
      settingsVersion: this.#view.settings.version,
      workers: this.#workers.infos(),
      dead: [...this.#dead],
      facts: this.#facts(),
    };
  }

  #facts(): MemberFacts {
    return {
      version: this.#o.version ?? '',
      uptimeMs: this.#now() - this.#startedAt,
      refusal: this.refusal(),
      level: this.#level.known,
      workers: this.#workers.facts(),
    };
  }

  /** A member joins by asking any backend's supervisor, which points to the controller. */
  #seek(): void {
    // A controller of ours whose storage hangs would not learn from it that there is another.
    if (this.isController()) return;
    this.#view.seek(({ controller, controlEpoch, clusterId }) => {
      if (this.#stopped || !this.#isOurs(clusterId)) return;
      this.#meet(undefined, controlEpoch);
      if (controller === undefined) return;
      const isNew = this.#pointer.pointed(controller, controlEpoch, this.#view.hearing.accepted);
      if (isNew && !sameAddress(controller, this.#o.bus.self.address)) this.#report();
    });
  }

  // ---- messages

  #serve(): void {
    const { bus } = this.#o;
    this.#view.detour.serve();
    bus.onNotice(Service.supervisorStatement, (body, from) => {
      const statement = readStatement(body);
      if (mayState(from, statement) && this.#heardStatement(statement)) this.#report();
    });
    bus.onNotice(Service.hello, (body, from) => {
      // A port may be another member's by now.
      if (from.member === bus.self.member) this.#hello(readHello(body));
    });
    bus.serve(Service.ask, (body, { from }) => {
      const controlEpoch = readControlEpoch(fields(body, 'question').controlEpoch);
      return this.#ask(mayAsk(from, controlEpoch));
    });
    bus.serve(Service.report, (body, { from }) => {
      const report = mayReport(from, readReport(body), this.#view.members);
      this.#meet(from, report.controlEpoch);
      return this.#acting().report(report);
    });
    bus.serve(Service.renew, (body, { from }) => {
      const renewal = mayRenew(from, readRenewal(body), this.#view.members);
      this.#meet(from, renewal.controlEpoch);
      return renewalAnswerBody(this.#acting().renew(renewal));
    });
    bus.serve(Service.map, (body) => this.#acting().mapSince(uint(fields(body, 'question').since, 'since')));
    bus.serve(Service.members, () => membersBody(this.#acting().members()));
    bus.serve(Service.settings, async (body) => {
      const it = fields(body, 'question');
      const since = settingsVersion(it.since);
      return settingsBody(
        await this.#acting().settingsPage({ since, cursor: readSettingsCursor(it.cursor) }),
      );
    });
    bus.serve(Service.moveSlot, (body) => {
      const it = fields(body, 'move');
      this.#acting().moveSlot(slot(it.slot), text(it.member, 'member'));
      return {};
    });
    bus.serve(Service.change, (body, { from, signal }) =>
      this.#decisions.change(mayChange(from, fields(body, 'change').change), signal),
    );
  }

  /** False when it was refused, or is of another cluster. */
  #heardStatement(statement: Statement): boolean {
    if (!this.#isOurs(statement.clusterId)) return false;
    if (!this.#view.statement(statement)) return false;
    this.#pointer.clear();
    if (statement.authorityLeftMs > 0) this.#stand?.heard(statement.controlEpoch);
    return true;
  }

  /**
   * Somebody has answered a larger control epoch than ours: ours is over. Not on a frontend's word, which could end every
   * controller so; the next heartbeat lists the larger one in any case.
   */
  #meet(from: Peer | undefined, controlEpoch: number): void {
    if (from?.proven?.role === 'frontend') return;
    const own = this.#controller();
    if (own !== undefined && controlEpoch > own.controlEpoch) own.depose();
  }

  #hello(hello: Hello): void {
    const { incarnation, address } = hello.worker;
    if (this.#dead.has(incarnation)) return;
    const isNew = this.#workers.hello(this.#now(), hello);
    const last = this.#view.hearing.last;
    const agoMs = this.#view.hearing.heardAgoMs(this.#now());
    // Passed on with what is left of the authority by now; a worker hears the controller through its supervisor too.
    if (last !== undefined && agoMs !== undefined) {
      const authorityLeftMs = Math.max(0, last.authorityLeftMs - agoMs);
      this.#o.bus.notify(address, Service.workerStatement, { ...last, authorityLeftMs, poke: false });
    }
    if (isNew) this.#report();
  }

  #ask(asked: number): Fields {
    // A candidate's question, once it has its file, is answered like a statement: smaller control epochs are refused.
    if (asked > 0 && !this.#view.hearing.accept(asked))
      throw new Failure('refused', 'a larger control epoch was answered');
    this.#meet(undefined, asked);
    const own = this.#controller();
    return askBody({
      controlEpoch: this.#view.hearing.accepted,
      heardAgoMs: own?.hasAuthority() ? 0 : this.#view.hearing.heardAgoMs(this.#now()),
      controller: own === undefined ? this.#view.controller()?.address : this.#o.bus.self.address,
      member: this.#o.bus.self.member,
      clusterId: this.#admission.clusterId ?? this.#view.hearing.last?.clusterId ?? '',
      workers: this.#workers.infos(),
    });
  }

  // ---- what it knows

  #controller(): Controller | undefined {
    return this.#stand?.controller;
  }

  #acting(): Controller {
    const controller = this.#controller();
    if (controller === undefined) throw new Failure('unavailable', 'not the controller');
    return controller;
  }

  #knownWorkers() {
    return [...this.#workers.infos(), ...this.#view.members.flatMap(({ info }) => info)];
  }

  #unfit(): string | undefined {
    return this.#admission.why ?? this.#level.refusal;
  }

  #workersReady(): boolean {
    if (this.#unfit() !== undefined || this.#draining) return false;
    return this.#workers.areReady;
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}

/**
 * The supervisor's node of a member: it hears the controller and reports to it each Heartbeat, keeps its workers, serves
 * as a relay, and on backends stands for control. Handlers answer from memory.
 */
import { Failure, failureCode } from '../lib/failure.ts';
import type { Address, Platform, Timer } from '../platform/platform.ts';
import type { Incarnation } from '../store/ids.ts';
import type { Bus } from './bus/types.ts';
import type { Controller } from './control/controller.ts';
import { Stand } from './control/stand.ts';
import { LifeWatch } from './life.ts';
import { isBackend } from './membership.ts';
import {
  type AskAnswer,
  fields,
  type Hello,
  type Report,
  readAskAnswer,
  readControlEpoch,
  readHello,
  readRenewal,
  readReport,
  readStatement,
  renewalAnswerBody,
  reportBody,
  Service,
  type Statement,
  uint,
  workerBody,
} from './messages.ts';
import { membersBody } from './news.ts';
import { View } from './node-view.ts';
import { sameAddress } from './slot-map.ts';
import { checkStorage } from './storage-check.ts';
import { DEFAULT_TIMES } from './times.ts';
import type {
  ClusterLogger,
  ClusterTimes,
  NodeStorage,
  OpenSettings,
  Role,
  SupervisorNode,
} from './types.ts';

/** Deaths that are reported again and again, the newest of them. */
const DEAD_KEPT = 32;
/** The last word in the heartbeat file may take so long. */
const STOP_MS_MAX = 2000;
/** How long a caller of `change` may let it wait at most. */
const CHANGE_MS_MAX = 60_000;

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
  /** Life connections prove the death of other members' workers (on only where the address it bound is the one that peers see). */
  readonly lifeProofs?: boolean;
  readonly logger: ClusterLogger;
}

interface OwnWorker {
  readonly hello: Hello;
  readonly at: number;
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
  readonly #workers = new Map<Incarnation, OwnWorker>();
  readonly #dead: Incarnation[] = [];
  readonly #life: LifeWatch;
  #stand: Stand | undefined;
  /** Of the storage that this backend found to be whole. */
  #clusterId: string | undefined;
  #refusal: string | undefined;
  #checking = false;
  /** Pointed to by another supervisor, by a control epoch that it has answered; not heard itself yet. */
  #pointer: { readonly to: Address; readonly controlEpoch: number } | undefined;
  #answeredAt = -Infinity;
  #draining = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: SupervisorNodeOptions) {
    this.#o = options;
    this.#times = { ...DEFAULT_TIMES, ...options.times };
    const { bus, platform, logger, seeds } = options;
    this.#view = new View({
      bus,
      logger,
      seeds,
      clock: platform.clock,
      times: this.#times,
      alsoReady: () => this.#workersReady(),
    });
    this.#life = new LifeWatch(platform.net, platform.clock, this.#times.heartbeatMs, (incarnation) =>
      this.workerExited(incarnation),
    );
    if (isBackend(options.role)) this.#refusal = 'storage not checked yet';
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
    return this.#view.heard();
  }

  isReady() {
    return this.#view.isReady();
  }

  isController() {
    return this.#controller()?.hasAuthority() ?? false;
  }

  refusal() {
    return this.#refusal;
  }

  changeSettings(change: unknown, options: { readonly timeoutMs: number; readonly signal?: AbortSignal }) {
    return this.#view.changeSettings(change, options);
  }

  workerExited(incarnation: Incarnation): void {
    this.#workers.delete(incarnation);
    if (this.#dead.includes(incarnation)) return;
    this.#dead.push(incarnation);
    if (this.#dead.length > DEAD_KEPT) this.#dead.shift();
    this.#report();
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    this.#report();
    while (!signal.aborted && [...this.#workers.values()].some(({ hello }) => hello.slots > 0))
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
    for (const [incarnation, { at }] of this.#workers)
      if (now - at >= this.#times.unheardMs) this.#workers.delete(incarnation);
    this.#checkStorage();
    this.#stand?.tick();
    const controller = this.#controller();
    if (controller !== undefined) this.#heardStatement(controller.statement());
    this.#report();
    this.#seek(now);
    this.#view.tick();
    if (this.#o.lifeProofs && isBackend(this.#o.role))
      this.#life.watch(
        this.#view.members
          .flatMap((member) => member.info)
          .flatMap(({ incarnation, life }) => (life === undefined ? [] : [{ incarnation, life }])),
      );
  }

  /** Until it is the right one, every Heartbeat again: it may yet be mounted. "Stands for nothing" before. */
  #checkStorage(): void {
    const { storage, platform, role, openSettings, lifeProofs, logger, bus } = this.#o;
    if (this.#stand !== undefined || this.#checking || !isBackend(role)) return;
    if (storage === undefined) throw new TypeError('a backend needs its storage');
    this.#checking = true;
    checkStorage(platform.fs, storage)
      .then((check) => {
        this.#refusal = check.kind === 'refused' ? check.why : this.#anothers(check.clusterId);
        if (check.kind === 'refused' || this.#refusal !== undefined || this.#stopped) return;
        this.#clusterId = check.clusterId;
        this.#stand = new Stand(
          {
            platform,
            bus,
            logger,
            openSettings,
            times: this.#times,
            root: storage.root,
            lifeProofs: lifeProofs ?? false,
            map: this.#view.map,
            supervisors: () => this.#view.otherSupervisors(),
            workers: () => this.#knownWorkers(),
            rank: () => this.#rank(),
            isOurs: (clusterId) => this.#isOurs(clusterId),
            accept: (controlEpoch) => this.#view.hearing.accept(controlEpoch),
            acting: () => this.#report(),
          },
          check.clusterId,
        );
      })
      .catch((error: unknown) => {
        this.#refusal = `storage does not answer: ${error instanceof Error ? error.message : String(error)}`;
      })
      .finally(() => {
        this.#checking = false;
      });
  }

  #anothers(clusterId: string): string | undefined {
    const stated = this.#view.hearing.last?.clusterId;
    return stated === undefined || stated === clusterId ? undefined : "the storage is another cluster's";
  }

  /**
   * False for a member that goes by another cluster's storage. Whoever of the two is wrong, this one was told to join
   * the other, so it stands for nothing from now on.
   */
  #isOurs(clusterId: string): boolean {
    if (this.#clusterId === undefined || clusterId === '' || clusterId === this.#clusterId) return true;
    this.#refusal = "the storage is another cluster's";
    const stand = this.#stand;
    if (stand?.controller === undefined) void stand?.stop();
    return false;
  }

  #report(): void {
    if (this.#stopped) return;
    const own = this.#controller();
    if (own !== undefined) {
      own.report(this.#reportNow());
      return;
    }
    // A pointer is there only while no controller is heard, and is dropped when one is.
    const to = this.#pointer?.to ?? this.#view.hearing.controller()?.address;
    if (to === undefined) return;
    const body = reportBody(this.#reportNow());
    const options = { timeoutMs: this.#times.controlLeaseMs };
    const { link } = this.#view;
    const silent = this.#now() - this.#answeredAt >= 2 * this.#times.heartbeatMs;
    const calls = [link.direct(to, Service.report, body, options)];
    if (silent) calls.push(link.relayed(to, Service.report, body, options));
    for (const call of calls)
      call
        .then((answer) => {
          if (this.#heardStatement(readStatement(answer))) this.#answeredAt = this.#now();
        })
        // Not answered: the next Heartbeat asks again, and takes a detour.
        .catch((error: unknown) => this.#unanswered(error));
  }

  #unanswered(error: unknown): void {
    if (failureCode(error) === 'invalid') this.#o.logger.error({ err: error }, 'answer makes no sense');
  }

  #reportNow(): Report {
    const last = this.#view.hearing.last;
    const { member, incarnation, address } = this.#o.bus.self;
    const ready = this.#view.isReady();
    return {
      controlEpoch: this.#view.hearing.accepted,
      quote: last?.counter ?? 0,
      member,
      incarnation,
      address,
      ready,
      role: this.#o.role,
      draining: this.#draining,
      settingsVersion: this.#view.settings.version,
      workers: [...this.#workers.values()].map(({ hello }) => hello.worker),
      dead: [...this.#dead],
    };
  }

  /** A member joins by asking any backend's supervisor, which points to the controller. */
  #seek(now: number): void {
    const agoMs = this.#view.hearing.heardAgoMs(now);
    // A controller of ours whose storage hangs would not learn from it that there is another.
    if (this.isController() || (agoMs !== undefined && agoMs < this.#times.controlLeaseMs)) return;
    for (const seed of this.#view.otherSupervisors())
      this.#o.bus
        .call(seed, Service.ask, { controlEpoch: 0 }, { timeoutMs: this.#times.controlLeaseMs })
        .then((body) => {
          const { controller, controlEpoch, clusterId } = readAskAnswer(body);
          if (!this.#isOurs(clusterId)) return;
          this.#meet(controlEpoch);
          if (controller !== undefined) this.#pointed(controller, controlEpoch);
        })
        // Not there: another seed will answer.
        .catch((error: unknown) => this.#unanswered(error));
  }

  /** Of two members the one that has answered the larger control epoch knows better. */
  #pointed(to: Address, controlEpoch: number): void {
    const isNew = this.#pointer === undefined || !sameAddress(this.#pointer.to, to);
    if (controlEpoch < Math.max(this.#view.hearing.accepted, this.#pointer?.controlEpoch ?? 0)) return;
    this.#pointer = { to, controlEpoch };
    if (isNew && !sameAddress(to, this.#o.bus.self.address)) this.#report();
  }

  // ---- messages

  #serve(): void {
    const { bus } = this.#o;
    this.#view.link.serve();
    bus.onNotice(Service.supervisorStatement, (body) => {
      if (this.#heardStatement(readStatement(body))) this.#report();
    });
    bus.onNotice(Service.hello, (body, from) => {
      // A port may be another member's by now.
      if (from.member === bus.self.member) this.#hello(readHello(body));
    });
    bus.serve(Service.ping, () => bus.self.incarnation);
    bus.serve(Service.ask, (body) => this.#ask(readControlEpoch(fields(body, 'question').controlEpoch)));
    bus.serve(Service.report, (body) => {
      const report = readReport(body);
      this.#meet(report.controlEpoch);
      return this.#acting().report(report);
    });
    bus.serve(Service.renew, (body) => {
      const renewal = readRenewal(body);
      this.#meet(renewal.controlEpoch);
      return renewalAnswerBody(this.#acting().renew(renewal));
    });
    bus.serve(Service.map, (body) => this.#acting().mapSince(uint(fields(body, 'question').since, 'since')));
    bus.serve(Service.members, () => membersBody(this.#acting().members()));
    bus.serve(Service.settings, (body) => {
      const { since } = fields(body, 'question');
      return this.#acting().settingsSince(since === -1 ? -1 : uint(since, 'since'));
    });
    bus.serve(Service.change, (body, { signal }) => this.#change(fields(body, 'change').change, signal));
  }

  async #change(change: unknown, signal: AbortSignal): Promise<unknown> {
    const over = new AbortController();
    const late = () => over.abort(new Failure('unknown', 'took too long'));
    const timer = this.#o.platform.clock.timer(CHANGE_MS_MAX, late);
    try {
      return await this.#acting().change(change, AbortSignal.any([signal, over.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** False when it was refused, or is of another cluster. */
  #heardStatement(statement: Statement): boolean {
    if (!this.#isOurs(statement.clusterId)) return false;
    if (!this.#view.statement(statement)) return false;
    this.#pointer = undefined;
    if (statement.authorityLeftMs > 0) this.#stand?.heard(statement.controlEpoch);
    return true;
  }

  /** Somebody has answered a larger control epoch than ours: ours is over. */
  #meet(controlEpoch: number): void {
    const own = this.#controller();
    if (own !== undefined && controlEpoch > own.controlEpoch) own.depose();
  }

  #hello(hello: Hello): void {
    const { incarnation, address } = hello.worker;
    if (this.#dead.includes(incarnation)) return;
    const known = this.#workers.has(incarnation);
    this.#workers.set(incarnation, { hello, at: this.#now() });
    const last = this.#view.hearing.last;
    const agoMs = this.#view.hearing.heardAgoMs(this.#now());
    // Passed on with what is left of the authority by now; a worker hears the controller through its supervisor too.
    if (last !== undefined && agoMs !== undefined) {
      const authorityLeftMs = Math.max(0, last.authorityLeftMs - agoMs);
      this.#o.bus.notify(address, Service.workerStatement, { ...last, authorityLeftMs, poke: false });
    }
    if (!known) this.#report();
  }

  #ask(asked: number): Record<string, unknown> {
    // A candidate's question, once it has its file, is answered like a statement: smaller control epochs are refused.
    if (asked > 0 && !this.#view.hearing.accept(asked))
      throw new Failure('refused', 'a larger control epoch was answered');
    this.#meet(asked);
    const own = this.#controller();
    const answer: AskAnswer = {
      controlEpoch: this.#view.hearing.accepted,
      heardAgoMs: own?.hasAuthority() ? 0 : this.#view.hearing.heardAgoMs(this.#now()),
      controller: own === undefined ? this.#view.heard()?.address : this.#o.bus.self.address,
      member: this.#o.bus.self.member,
      clusterId: this.#clusterId ?? this.#view.hearing.last?.clusterId ?? '',
      workers: [...this.#workers.values()].map(({ hello }) => hello.worker),
    };
    return {
      ...answer,
      heardAgoMs: answer.heardAgoMs ?? null,
      controller: answer.controller ?? null,
      workers: answer.workers.map(workerBody),
    };
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
    const own = [...this.#workers.values()].map(({ hello }) => hello.worker);
    return [...own, ...this.#view.members.flatMap(({ info }) => info)];
  }

  #workersReady(): boolean {
    if (this.#refusal !== undefined || this.#draining) return false;
    const workers = [...this.#workers.values()];
    return workers.length > 0 && workers.every(({ hello }) => hello.ready);
  }

  /** Our place among the backends without the present controller, in the order of their names. */
  #rank(): number {
    const controller = this.#view.hearing.lastMember;
    const self = this.#o.bus.self.member;
    return this.#view.members.filter(
      ({ name, role, state }) => isBackend(role) && name < self && name !== controller && state !== 'gone',
    ).length;
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}

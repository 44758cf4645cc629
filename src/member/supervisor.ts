/**
 * The supervisor of a member: its bus, its node of the cluster (on backends it may hold control), and its worker processes.
 * It serves no client and opens no account. The exit of a child is reported in the same turn in which it is seen.
 */
import { ClusterMembers } from '../admin/members.ts';
import { resealChanges } from '../certificates/reseal.ts';
import { createBus } from '../cluster/bus/bus.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { newIncarnation } from '../cluster/incarnation.ts';
import { FeatureLevel } from '../cluster/level.ts';
import { notReadyOf } from '../cluster/not-ready.ts';
import type { MemberSecurity } from '../cluster/security/member-security.ts';
import { SecurityService } from '../cluster/security/service.ts';
import { markedFs } from '../cluster/storage/marked-fs.ts';
import { createSupervisorNode } from '../cluster/supervisor-node.ts';
import type { Role, SupervisorNode } from '../cluster/types.ts';
import { VERSION } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { formatEndpoint, isLoopback } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import type { Platform, Timer } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { serveCluster } from './cluster-service.ts';
import { type Household, keepHouse } from './housekeeping.ts';
import { DUTIES } from './roles.ts';
import { writeSecurityFiles } from './security-files.ts';
import { securityStore } from './security-store.ts';
import { servePartner } from './self-test/partner.ts';
import { type Status, StatusFile } from './status-file.ts';
import { fenceFor, settingsOpener, storageRoot } from './storage.ts';
import { takenPort } from './taken-ports.ts';
import { timesOf } from './times.ts';
import { type StartProblem, WorkerProcesses } from './worker-processes.ts';

export interface SupervisorOptions {
  readonly base: string;
  readonly role: Role;
  readonly member: string;
  readonly settings: Settings;
  readonly platform: Platform;
  readonly clusterId: string;
  readonly security: MemberSecurity;
  readonly logger: Logger;
}

/** How often the status file is compared with what is. */
const STATUS_EVERY_MS = 200;
/** How long slots may take to move away before a member that stops closes them itself. */
const DRAIN_MS = 20_000;
const DRAIN_LOOK_MS = 100;
/** How long a worker's running commands may take. */
const STOP_GRACE_MS = 5000;

/** Rejects with the error of `listen` when the cluster address is taken. */
export async function createSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { platform, settings, member, role, base, logger } = options;
  const { owns } = DUTIES[role];
  const level = new FeatureLevel();
  const bus = await createBus({
    platform,
    level,
    self: { member, role: 'supervisor', incarnation: newIncarnation(platform.random) },
    listen: settings.ClusterAddress,
    clusterId: options.clusterId,
    security: options.security,
    logger: logger.child({ part: 'bus' }),
  });
  const root = storageRoot(base);
  const seeds = settings.BackendAddresses.length === 0 ? [bus.self.address] : settings.BackendAddresses;
  const fence = owns && (await fenceFor(platform, root, settings.StorageFence));
  const node = createSupervisorNode({
    platform,
    bus,
    role,
    version: VERSION,
    level,
    seeds,
    times: timesOf(settings),
    ...(owns ? { storage: { root }, openSettings: settingsOpener(platform, root, fence, logger) } : {}),
    // On loopback the address a process binds is certainly the one its peers see.
    lifeProofs: isLoopback(settings.ClusterAddress.host),
    logger: logger.child({ part: 'cluster' }),
  });
  return new Supervisor(options, bus, node);
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #bus: Bus;
  readonly #node: SupervisorNode;
  readonly #workers: WorkerProcesses;
  readonly #status: StatusFile;
  readonly #security: SecurityService;
  readonly #household: Household;
  #timer: Timer | undefined;
  readonly #startedAt: string;
  #wasReady = false;
  #stopping = false;

  /** Use `createSupervisor`. */
  constructor(options: SupervisorOptions, bus: Bus, node: SupervisorNode) {
    const { base, role, member, settings, clusterId, platform, logger } = options;
    this.#options = options;
    this.#startedAt = new Date(platform.clock.wallMs()).toISOString();
    this.#bus = bus;
    this.#node = node;
    this.#status = new StatusFile(platform.fs, base, logger);
    const seeds = settings.BackendAddresses;
    this.#workers = new WorkerProcesses({
      count: settings.Workers,
      clock: platform.clock,
      random: platform.random,
      logger,
      poolSize: settings.PoolSize,
      start: {
        base,
        role,
        member,
        settings,
        clusterId,
        seeds,
        supervisor: bus.self.address,
        get security() {
          return options.security.files;
        },
      },
      onExit: (incarnation) => node.workerExited(incarnation),
      onChange: () => void this.#show(),
    });
    this.#security = new SecurityService({
      platform,
      bus,
      node,
      seeds,
      security: options.security,
      elsewhere: (stored, { frontend }) => resealChanges(stored, frontend, platform.random, logger),
      store: securityStore({
        security: options.security,
        write: (files) => writeSecurityFiles(base, files),
        told: (files) => this.#workers.tellSecurity(files),
      }),
      logger: logger.child({ part: 'security' }),
    });
    this.#security.serve();
    const root = storageRoot(base);
    if (DUTIES[role].owns) servePartner(bus, markedFs(platform.fs, root), root);
    this.#household = keepHouse({ ...options, bus, node });
    const { clock, random } = platform;
    serveCluster(bus, new ClusterMembers({ node, clock, random, clustered: role !== 'standalone' }));
    this.#security.follow(node.settings);
  }

  get node(): SupervisorNode {
    return this.#node;
  }

  /** Starts the workers; resolves when the member is ready, or with why a worker cannot start. */
  async start(): Promise<StartProblem | undefined> {
    this.#tick();
    const { platform, role, settings } = this.#options;
    const problem = (await takenPort(platform, role, settings)) ?? (await this.#workers.start());
    if (problem !== undefined) return problem;
    await this.#node.ready;
    this.#wasReady = true;
    await this.#show();
    return undefined;
  }

  /** What a start that takes long is waiting for. */
  waitsFor(): string {
    const { settings } = this.#options;
    const refusal = this.#node.refusal();
    if (refusal !== undefined) return refusal;
    if (this.#node.controller() === undefined) {
      const backends = settings.BackendAddresses.map(formatEndpoint).join(', ');
      return backends === ''
        ? 'it has no controller'
        : `it hears no controller; BackendAddresses are ${backends}`;
    }
    const waiting = this.#workers.status().filter(({ ready }) => !ready);
    return waiting.length === 0
      ? 'it has no slot map or settings yet'
      : `${waiting.length} workers are not ready`;
  }

  /** Gives the slots away, ends the workers in good order, then itself. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#options.logger.info({}, 'stopping');
    await this.#show();
    await this.#drain();
    await this.#workers.stop(STOP_GRACE_MS);
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#household.stop();
    await this.#security.stop();
    await this.#node.stop();
    this.#timer?.cancel();
    await this.#bus.close();
    await this.#status.end();
  }

  /** Ends the workers at once and then itself; nothing is moved away. */
  async abandon(): Promise<void> {
    this.#stopping = true;
    this.#workers.kill();
    await this.#end();
  }

  /** Ends the workers at once. */
  kill(): void {
    this.#workers.kill();
  }

  /** Moves the slots away one by one, as long as there is a member to take them; what is left its worker releases. */
  async #drain(): Promise<void> {
    const { clock } = this.#options.platform;
    const enough = new AbortController();
    const untilMs = clock.monotonicMs() + DRAIN_MS;
    const watch = async (): Promise<void> => {
      while (!enough.signal.aborted && this.#canMoveAway() && clock.monotonicMs() < untilMs)
        await clock.sleep(DRAIN_LOOK_MS, enough.signal).catch(() => undefined);
      enough.abort();
    };
    const watching = watch();
    if (!enough.signal.aborted) await this.#node.drain(enough.signal);
    enough.abort();
    await watching;
  }

  /** Whether another member could take this one's slots; one that stops too could not. */
  #canMoveAway(): boolean {
    const { member, role } = this.#options;
    return (
      DUTIES[role].owns &&
      this.#node
        .status()
        .some(
          (each) =>
            each.name !== member && each.state === 'ready' && !each.draining && DUTIES[each.role].owns,
        )
    );
  }

  #tick(): void {
    void this.#show();
    this.#timer = this.#options.platform.clock.timer(STATUS_EVERY_MS, () => this.#tick());
  }

  #show(): Promise<void> {
    return this.#status.write(this.#describe());
  }

  #describe(): Status {
    const { member, role } = this.#options;
    const workers = this.#workers.status();
    const isReady = this.#node.isReady() && workers.every(({ ready }) => ready);
    return {
      name: member,
      role,
      state: this.#stopping ? 'stopping' : isReady ? 'ready' : this.#wasReady ? 'not-ready' : 'starting',
      pid: process.pid,
      workers: workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
      address: this.#bus.self.address,
      isController: this.#node.isController(),
      controlEpoch: this.#node.controller()?.controlEpoch ?? null,
      version: VERSION,
      startedAt: this.#startedAt,
      refusal: this.#node.refusal() ?? null,
      notReady: notReadyOf(this.#node.settings, member) ?? null,
      services: Object.assign({}, ...workers.map(({ services }) => services)) as Status['services'],
    };
  }
}

/** For the caller that needs one line. */
export function startFailure(problem: StartProblem): Failure {
  return new Failure('invalid', `a worker cannot start: ${problem.why}`);
}

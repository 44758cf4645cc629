/**
 * The two processes of a member, put together on simulated platforms as src/member puts them together on the real one:
 * a supervisor with its node of the cluster, and a worker with the owner's services, the clients' services, or both.
 */
import { createBus } from '../../../src/cluster/bus/bus.ts';
import { markedFs } from '../../../src/cluster/storage/marked-fs.ts';
import { createSupervisorNode } from '../../../src/cluster/supervisor-node.ts';
import type { ClusterTimes, Role, SupervisorNode, WorkerNode } from '../../../src/cluster/types.ts';
import { createWorkerNode } from '../../../src/cluster/worker-node.ts';
import {
  openClusterSettings,
  SETTINGS_OBJECT,
  SETTINGS_PATH,
} from '../../../src/directory/cluster-settings.ts';
import { Names } from '../../../src/directory/names.ts';
import { DirectoryService } from '../../../src/directory/service.ts';
import { TransactionNumbers } from '../../../src/directory/transactions.ts';
import { serveImapOwner } from '../../../src/imap/owner.ts';
import type { Logger } from '../../../src/lib/logging.ts';
import { ClusterAuthenticator } from '../../../src/login/authenticator.ts';
import { Decoys } from '../../../src/login/decoys.ts';
import { HashQueue } from '../../../src/login/hash-queue.ts';
import { RememberedLogins } from '../../../src/login/remembered.ts';
import { serveLogins } from '../../../src/login/service.ts';
import type { Address, Platform } from '../../../src/platform/platform.ts';
import { createIntake } from '../../../src/smtp/intake.ts';
import { serveMail } from '../../../src/smtp/owner.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import { ObjectHost } from '../../../src/store/host/host.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { openLog } from '../../../src/store/log/log.ts';
import { CheapHasher } from '../../login/hasher.fake.ts';
import type { Bug } from '../bugs/bug.ts';
import type { SimProcess } from '../machine.ts';
import type { World } from '../world.ts';
import { APPEND_OCTETS_MAX, OWNER_WAIT_MS, openDoor } from './door.ts';
import type { LeaseWatch } from './lease-watch.ts';
import type { Promises } from './promises.ts';
import type { Saboteur } from './saboteur.ts';
import type { Duty, Shape } from './shape.ts';
import { unreliable } from './unreliable-bus.ts';

export const ROOT = '/shared';
export const BUS_PORT = 7000;
const INCARNATION_OCTETS = 16;
/** Planned moves are quicker than in production, so that a short run has more of them and fewer events. */
const TIMES: Partial<ClusterTimes> = { movesPerSecond: 4000, movesAtOnce: 256, rebalanceAfterMs: 300 };

/** What all processes of one simulated cluster share. */
export interface Surroundings {
  readonly world: World;
  readonly seeds: readonly Address[];
  readonly bug: Bug;
  readonly shape: Shape;
  /** Requests that have arrived somewhere. */
  readonly requests: Set<string>;
  readonly promises: Promises;
  readonly leases: LeaseWatch;
  readonly saboteur: Saboteur;
  logger(process: SimProcess): Logger;
}

export interface RunningSupervisor {
  readonly process: SimProcess;
  node: SupervisorNode | undefined;
}

export interface RunningWorker {
  readonly process: SimProcess;
  readonly incarnation: Incarnation;
  node: WorkerNode | undefined;
  host: ObjectHost | undefined;
}

const ROLES: Readonly<Record<Duty, Role>> = {
  owns: 'backend',
  faces: 'frontend',
  both: 'symmetric',
  alone: 'standalone',
};

export function startSupervisor(process: SimProcess, duty: Duty, around: Surroundings): RunningSupervisor {
  const running: RunningSupervisor = { process, node: undefined };
  const start = async (): Promise<void> => {
    const platform = platformOf(process, around);
    const logger = around.logger(process);
    const { bug, shape } = around;
    const stored = { ...platform, fs: markedFs(platform.fs, ROOT) };
    const bus = await openBus(process, platform, 'supervisor', newIncarnation(platform), around);
    running.node = createSupervisorNode({
      platform,
      bus,
      logger,
      role: ROLES[duty],
      seeds: around.seeds,
      times: { ...TIMES, ...bug.supervisorTimes },
      lifeProofs: shape.lifeProofs,
      ...(duty === 'faces'
        ? {}
        : {
            storage: { root: ROOT },
            openSettings: (lease) =>
              openClusterSettings({
                lease,
                openLog: (replay, knownTypes) =>
                  openLog({
                    ...stored,
                    logger,
                    lease,
                    replay,
                    knownTypes,
                    fence: shape.fence,
                    directory: `${ROOT}/${SETTINGS_PATH}`,
                    object: SETTINGS_OBJECT,
                    makeDirectory: true,
                  }),
              }),
          }),
    });
  };
  // A process that cannot start has a bug of ours: the world throws it.
  process.later(0, 'start', () => void start());
  return running;
}

export function startWorker(process: SimProcess, duty: Duty, around: Surroundings): RunningWorker {
  const platform = platformOf(process, around);
  const running: RunningWorker = {
    process,
    incarnation: newIncarnation(platform),
    node: undefined,
    host: undefined,
  };
  process.later(0, 'start', () => void runWorker(running, platform, duty, around));
  return running;
}

async function runWorker(
  running: RunningWorker,
  platform: Platform,
  duty: Duty,
  around: Surroundings,
): Promise<void> {
  const { process, incarnation } = running;
  const logger = around.logger(process);
  const bus = await openBus(process, platform, 'worker', incarnation, around);
  const stored = { ...platform, fs: markedFs(platform.fs, ROOT) };
  const host = duty === 'faces' ? undefined : openHost(stored, logger, around);
  const node = await createWorkerNode({
    platform,
    bus,
    logger,
    pid: 1,
    times: TIMES,
    supervisor: { host: process.machine.host, port: BUS_PORT },
    seeds: around.seeds,
    ...(host === undefined
      ? {}
      : {
          holder: around.leases.watching(around.bug.holder?.(host) ?? host, process),
          storage: { root: ROOT },
          lifeHost: process.machine.host,
        }),
  });
  const { router, settings, map } = node;
  const { random, clock } = platform;
  const hasher = new HashQueue(new CheapHasher());
  const remembered = new RememberedLogins(random);
  const changeSettings = node.changeSettings.bind(node);
  const decoys = new Decoys({ settings, changeSettings, random });
  if (host !== undefined) {
    new DirectoryService({ bus, host, router, settings, platform: stored, root: ROOT, logger }).start();
    serveLogins({ bus, host, hasher, random, clock, remembered, decoys });
    serveMail({ bus, host, clock, logger, goneForMs: (gone) => node.goneForMs(gone) });
    serveImapOwner({ bus, host, clock, logger, appendOctetsMax: APPEND_OCTETS_MAX });
  }
  running.host = host;
  running.node = node;
  if (duty === 'owns') return;
  const names = new Names({ router, map, bus, settings, clock, random, isCurrent: () => node.isReady() });
  const authenticator = new ClusterAuthenticator({
    names,
    router,
    settings,
    hasher,
    random,
    remembered,
    decoys,
    logger,
  });
  const transactions = new TransactionNumbers(incarnation);
  const intake = createIntake({ directory: names, router, transactions, logger, waitMs: OWNER_WAIT_MS });
  await openDoor({
    platform,
    label: `${process.label} ${incarnation}`,
    host: process.machine.host,
    bus,
    node,
    names,
    authenticator,
    transactions,
    intake,
    logger,
  });
}

function openHost(platform: Platform, logger: Logger, around: Surroundings): ObjectHost {
  const { bug, shape, promises } = around;
  const { fence, upkeep } = shape;
  // What the log above the bug promises is what the cluster promises.
  const watched = promises.watching(bug.openLog?.(openLog) ?? openLog);
  return new ObjectHost({
    platform,
    root: ROOT,
    fence,
    logger,
    openLog: watched,
    openAccount: upkeep === undefined ? openAccount : (options) => openAccount({ ...options, upkeep }),
  });
}

async function openBus(
  process: SimProcess,
  platform: Platform,
  role: 'supervisor' | 'worker',
  incarnation: Incarnation,
  around: Surroundings,
) {
  const { machine } = process;
  const bus = await createBus({
    platform,
    self: { member: machine.name, role, incarnation },
    listen: { host: machine.host, port: role === 'supervisor' ? BUS_PORT : 0 },
    logger: around.logger(process),
  });
  const worst = unreliable(bus, around.world, around.requests);
  return around.bug.bus?.(worst, process) ?? worst;
}

function platformOf(process: SimProcess, { bug, saboteur }: Surroundings): Platform {
  const { platform } = process;
  const fs = bug.fs?.(platform.fs, process) ?? platform.fs;
  const net = bug.net?.(platform.net, process) ?? platform.net;
  return { ...platform, net, fs: saboteur.watching(fs, process) };
}

function newIncarnation(platform: Platform): Incarnation {
  return platform.random.bytes(INCARNATION_OCTETS).toString('hex') as Incarnation;
}

/**
 * A cluster whose members each have a network namespace and a mount of their own, so that a whole machine can be lost, with
 * all its packets, and one backend's storage can be cut off. Inside `isolated` of test/support/network.ts only.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../../test/faults/interruption.ts';
import { between, Network, run } from '../../test/support/network.ts';
import { Relay } from '../../test/support/network-relay.ts';
import { type Machine, Site } from '../../test/support/network-site.ts';
import { QUICK_MOVES } from './quick-moves.ts';
import { RelayedMount } from './relayed-mount.ts';

const BACKENDS = ['be1', 'be2', 'be3'];
const FRONTENDS = ['fe1', 'fe2'];
const PORTS = {
  backend: { ClusterAddress: 7600, AdminListener: 8010 },
  frontend: { ClusterAddress: 7600, AdminListener: 8010, PWDListener: 106, IMAPSListener: 993 },
} as const;

export interface NetworkCluster extends Cluster, AsyncDisposable {
  /** Where each member's log is. */
  logs(member: string): string;
}

/** With `storage: 'relayed'` a backend's mount can be cut, and each of its calls takes longer. */
export async function networkCluster(
  folder: string,
  accountCount: number,
  storage: 'bound' | 'relayed',
): Promise<NetworkCluster> {
  const network = await Network.make([...BACKENDS, ...FRONTENDS]);
  const shared = join(folder, 'storage');
  await mkdir(shared);
  const mounts = new Map<string, RelayedMount>();
  const mount = async (name: string, path: string): Promise<void> => {
    await mkdir(path, { recursive: true });
    if (storage === 'relayed') mounts.set(name, await RelayedMount.make(shared, path));
    else await run('mount', ['--bind', shared, path]);
  };
  const machines = [...BACKENDS, ...FRONTENDS].map((name): Machine => {
    const role = BACKENDS.includes(name) ? 'backend' : 'frontend';
    return { name, role, host: network.address(name), enter: network.enter(name), ports: PORTS[role] };
  });
  const settings = { MovesPerSecond: String(QUICK_MOVES) };
  const site = await Site.start({ folder, machines, mount, settings });
  const end = async (): Promise<void> => {
    await site.stop();
    for (const each of mounts.values()) await each.end();
  };
  try {
    return {
      ...clusterOf(site, network, mounts, await makeAccounts(site, accountCount)),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function clusterOf(
  site: Site,
  network: Network,
  mounts: ReadonlyMap<string, RelayedMount>,
  accounts: Cluster['accounts'],
): Omit<NetworkCluster, typeof Symbol.asyncDispose> {
  const everybody = [...BACKENDS, ...FRONTENDS];
  return {
    accounts,
    backends: BACKENDS,
    frontends: FRONTENDS,
    doors: FRONTENDS.map((name) => ({ name, ...site.address(name, 'IMAPSListener') })),
    logs: (name) => join(site.base(name), 'Logs'),
    status: (name) => site.status(name).catch(() => undefined), // being written
    report: (name) => site.report(name),
    workers: (name) => site.workers(name),
    kill: async (name, what) => {
      const ended = site.ended(name);
      await site.signal(name, what, 'SIGKILL');
      await ended;
    },
    start: async (name) => {
      await site.launch(name);
      await site.ready(name);
    },
    pause: (name) => site.signal(name, 'all', 'SIGSTOP'),
    resume: async (name) => {
      await site.signal(name, 'workers', 'SIGCONT');
      await site.signal(name, 'supervisor', 'SIGCONT');
    },
    cutOff: async (name) => {
      await network.cut(between([name], everybody));
      return () => network.heal();
    },
    ...(mounts.size > 0 && {
      cutStorage: async (name: string) => {
        const mount = mounts.get(name)!;
        await mount.cut();
        return () => mount.heal();
      },
    }),
  };
}

async function makeAccounts(site: Site, count: number): Promise<Cluster['accounts']> {
  const relay = await Relay.open(site.address(FRONTENDS[0]!, 'PWDListener'), { tls: true });
  try {
    return await site.makeAccounts(relay.address, count);
  } finally {
    relay.close();
  }
}

/** A node of the cluster as far as the commands on members need one: a list of members, and settings that can be changed. */
import { ClusterMembers } from '../../src/admin/members.ts';
import { FeatureLevel, type Level } from '../../src/cluster/level.ts';
import { notReadyOf } from '../../src/cluster/not-ready.ts';
import type { MemberStatus } from '../../src/cluster/types.ts';
import { SettingsCopy } from '../../src/cluster/view/settings-copy.ts';
import { Failure } from '../../src/lib/failure.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { Prng } from '../support/prng.ts';

export function status(name: string, more: Partial<MemberStatus> = {}): MemberStatus {
  return {
    name,
    role: name.startsWith('be') ? 'backend' : 'frontend',
    state: 'ready',
    address: { host: '10.0.1.10', port: 7600 },
    isController: false,
    workers: [worker(3)],
    slots: 7,
    version: '0.1.0',
    uptimeMs: 1000,
    draining: false,
    controlEpoch: 1,
    refusal: undefined,
    level: 0,
    ...more,
  };
}

export function worker(connections: number | undefined): MemberStatus['workers'][number] {
  return {
    incarnation: 'a'.repeat(32) as Incarnation,
    address: { host: '10.0.1.10', port: 7601 },
    pid: 1,
    ready: true,
    slots: 7,
    storageMs: undefined,
    refusal: undefined,
    connections,
  };
}

export class MemoryNode {
  readonly settings = new SettingsCopy();
  members: readonly MemberStatus[];
  /** Whether the controller answers. */
  answers = true;
  readonly changes: unknown[] = [];

  constructor(members: readonly MemberStatus[]) {
    this.members = members;
    this.settings.apply({ version: 1, whole: true, domains: [], domainsDeleted: [], values: [] });
  }

  status(): readonly MemberStatus[] {
    return this.members.map((each) => ({ ...each, notReady: notReadyOf(this.settings, each.name) }));
  }

  async refreshStatus(): Promise<boolean> {
    return this.answers;
  }

  controller(): undefined {
    return undefined;
  }

  async changeSettings(change: unknown): Promise<unknown> {
    if (!this.answers) throw new Failure('unavailable', 'no controller');
    this.changes.push(change);
    const { key, value } = change as { readonly key: string; readonly value: Buffer | null };
    this.set(key, value);
    return null;
  }

  set(key: string, value: Buffer | null): void {
    const version = this.settings.version + 1;
    this.settings.apply({ version, whole: false, domains: [], domainsDeleted: [], values: [[key, value]] });
  }
}

/** At noon of a day. */
export function membersOf(
  node: MemoryNode,
  { clustered = true, levels }: { readonly clustered?: boolean; readonly levels?: readonly Level[] } = {},
): ClusterMembers {
  return new ClusterMembers({
    node,
    clock: { wallMs: () => Date.UTC(2026, 10, 20, 12) },
    random: new Prng('members'),
    clustered,
    ...(levels === undefined ? {} : { level: new FeatureLevel(levels) }),
  });
}

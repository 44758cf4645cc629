/**
 * What `/status.json` says: the cluster as this member knows it, in one object of plain values. Names of fields are kept:
 * tools read them. Pure.
 */
import { connectionsOf } from '../admin/members.ts';
import { levelOf } from '../cluster/level.ts';
import type { MemberStatus, NodeView, SlotMoves, Standing } from '../cluster/types.ts';
import { formatEndpoint } from '../lib/ip.ts';
import { SLOTS, type Slot } from '../store/ids.ts';
import { type LoadReport, loadReport } from './load-report.ts';

export interface StatusReport {
  /** UTC, RFC 3339. */
  readonly at: string;
  readonly cluster: string;
  /** Who answers. */
  readonly member: string;
  readonly version: string;
  readonly standing: Standing;
  /** The figures are the controller's of this moment; false: it did not answer, and they are those last heard. */
  readonly current: boolean;
  readonly controller: {
    readonly member: string;
    readonly address: string;
    readonly controlEpoch: number;
  } | null;
  readonly settingsVersion: number;
  /** The feature level of the cluster. */
  readonly level: number;
  readonly mapVersion: number;
  readonly slots: { readonly total: number; readonly owned: number };
  /** Planned moves that the controller has begun since its process started; null where it does not tell. */
  readonly moves: SlotMoves | null;
  readonly members: readonly MemberReport[];
  readonly certificates: readonly CertificateReport[];
}

export interface MemberReport {
  readonly name: string;
  readonly role: MemberStatus['role'];
  readonly state: MemberStatus['state'];
  readonly address: string;
  readonly isController: boolean;
  readonly draining: boolean;
  /** The largest that it has answered. */
  readonly controlEpoch: number;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly slots: number;
  /** Why it stands for nothing, and what is to be done. */
  readonly refusal: string | null;
  /** An operator has made it Not-Ready; it may be stopped unnoticed when it has no slots and no connections left. */
  readonly notReady: { readonly since: string; readonly by: string } | null;
  /** Of clients; null where it does not say. */
  readonly connections: number | null;
  /** The highest feature level that its program knows. */
  readonly level: number;
  readonly workers: readonly WorkerReport[];
}

export interface WorkerReport {
  readonly incarnation: string;
  readonly address: string;
  readonly pid: number;
  readonly ready: boolean;
  readonly slots: number;
  /** The newest write and sync of its storage probe took so long. */
  readonly storageMs: number | null;
  readonly refusal: string | null;
  readonly connections: number | null;
  /** Null for a worker of a version that does not tell it. */
  readonly load: LoadReport | null;
}

/** A certificate that ends soon or has ended. */
export interface CertificateReport {
  /** The domain that it was installed for, or the cluster. */
  readonly owner: string;
  readonly names: readonly string[];
  /** UTC, RFC 3339. */
  readonly endsAt: string;
  /** Whole days from now; negative: it has ended. */
  readonly days: number;
}

export interface ReportInput {
  readonly nowMs: number;
  readonly cluster: string;
  readonly member: string;
  readonly version: string;
  readonly standing: Standing;
  readonly current: boolean;
  readonly node: Pick<NodeView, 'status' | 'controller' | 'map' | 'settings' | 'moves'>;
  readonly certificates: readonly CertificateReport[];
}

export function statusReport(input: ReportInput): StatusReport {
  const { node, nowMs, cluster, member, version, standing, current, certificates } = input;
  const controller = node.controller();
  let owned = 0;
  for (let slot = 0; slot < SLOTS; slot++) if (node.map.owner(slot as Slot) !== undefined) owned++;
  return {
    at: new Date(nowMs).toISOString(),
    cluster,
    member,
    version,
    standing,
    current,
    controller:
      controller === undefined ? null : { ...controller, address: formatEndpoint(controller.address) },
    settingsVersion: node.settings.version,
    level: levelOf(node.settings),
    mapVersion: node.map.version,
    slots: { total: SLOTS, owned },
    moves: node.moves() ?? null,
    members: node
      .status()
      .map(memberReport)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    certificates,
  };
}

function memberReport(member: MemberStatus): MemberReport {
  const { name, role, state, isController, draining, controlEpoch, version, slots, level } = member;
  return {
    name,
    role,
    state,
    address: formatEndpoint(member.address),
    isController,
    draining,
    controlEpoch,
    version,
    uptimeSeconds: Math.floor(member.uptimeMs / 1000),
    slots,
    refusal: member.refusal ?? null,
    notReady: member.notReady ?? null,
    connections: connectionsOf(member) ?? null,
    level,
    workers: member.workers.map((worker) => ({
      incarnation: worker.incarnation,
      address: formatEndpoint(worker.address),
      pid: worker.pid,
      ready: worker.ready,
      slots: worker.slots,
      storageMs: worker.storageMs ?? null,
      refusal: worker.refusal ?? null,
      connections: worker.connections ?? null,
      load: loadReport(worker.load),
    })),
  };
}

/** What a lab is made of: members with roles, base folders and ports, and the settings file of each. Pure. */
import { join } from 'node:path';
import { isBackendRole } from '../cluster/roles.ts';
import type { MemberRole } from '../flags.ts';
import { formatLines } from '../lib/dictionary/format.ts';
import type { Value } from '../lib/dictionary/value.ts';
import { LISTENER_SETTINGS, type SettingName } from '../settings/settings.ts';
import { LOOPBACK } from './ports.ts';

export interface LabSize {
  readonly backends: number;
  readonly frontends: number;
  readonly symmetric: number;
  readonly workers: number;
}

export interface PlannedMember {
  readonly name: string;
  readonly role: MemberRole;
  readonly base: string;
  /** By setting. */
  readonly ports: ReadonlyMap<SettingName, number>;
}

const KINDS = [
  { prefix: 'be', role: 'backend' },
  { prefix: 'fe', role: 'frontend' },
  { prefix: 'sy', role: 'symmetric' },
] as const;

const MANAGEMENT: readonly SettingName[] = ['PWDListener', 'AdminListener'];
const ALL_PORTS: readonly SettingName[] = ['ClusterAddress', ...MANAGEMENT];
const CLIENT_PORTS: readonly SettingName[] = LISTENER_SETTINGS.filter((each) => !MANAGEMENT.includes(each));

/** How many ports a lab of this size needs. */
export function portsNeeded(size: LabSize): number {
  return planMembers('', size, () => 0).reduce((sum, { ports }) => sum + ports.size, 0);
}

/** `be1`, `be2` … `fe1` … `sy1` …, in this order. */
export function planMembers(directory: string, size: LabSize, port: () => number): readonly PlannedMember[] {
  const counts = { backend: size.backends, frontend: size.frontends, symmetric: size.symmetric };
  return KINDS.flatMap(({ prefix, role }) =>
    Array.from({ length: counts[role] }, (_, index) => {
      const name = `${prefix}${index + 1}`;
      const settings = role === 'backend' ? ALL_PORTS : [...ALL_PORTS, ...CLIENT_PORTS];
      const ports = new Map(settings.map((setting) => [setting, port()] as const));
      return { name, role, base: join(directory, name), ports };
    }),
  );
}

/** The text of a member's `Settings/Main.settings`. */
export function settingsText(member: PlannedMember, all: readonly PlannedMember[], workers: number): string {
  const backends = all
    .filter(({ role }) => isBackendRole(role))
    .map((each) => address(each, 'ClusterAddress'));
  const values = new Map<SettingName, Value>([
    ['ClusterName', 'lab'],
    ['MemberName', member.name],
    ['Workers', String(workers)],
    ['BackendAddresses', backends],
    ...CLIENT_PORTS.map((setting) => [setting, 'off'] as const),
    ...[...member.ports.keys()].map((setting) => [setting, address(member, setting)] as const),
  ]);
  return `${formatLines(values)}\n`;
}

function address(member: PlannedMember, setting: SettingName): string {
  return `${LOOPBACK}:${member.ports.get(setting) ?? 0}`;
}

/**
 * News from the controller: what changed of the slot map, the members, the settings. Readers as in messages.ts: each
 * field is checked, and what makes no sense is Failure 'invalid'.
 */
import { type DomainId, type Incarnation, SLOTS } from '../store/ids.ts';
import { factsBody, type MemberFacts, NO_WORKER_FACTS, readFacts } from './facts.ts';
import {
  absent,
  address,
  bad,
  type Fields,
  fields,
  flag,
  incarnation,
  list,
  MEMBERS_MAX,
  octets,
  readControlEpoch,
  readWorker,
  role,
  text,
  uint,
  WORKERS_MAX,
  type WorkerInfo,
  workerBody,
} from './messages.ts';
import type { MemberStatus, Owner, SettingsDelta, SlotMoves } from './types.ts';

export interface MapDelta {
  /** The receiver must be at this version or above; 0: everything. */
  readonly since: number;
  readonly version: number;
  readonly owners: readonly Owner[];
  /** Flat: slot, index into `owners` or -1, … */
  readonly slots: readonly number[];
}

export interface MembersNews {
  readonly version: number;
  readonly members: readonly MemberNews[];
  /** Absent from a controller of an earlier version. */
  readonly moves?: SlotMoves | undefined;
}

export interface MemberNews extends MemberStatus {
  readonly info: readonly WorkerInfo[];
  /** Those of its workers that the controller has not heard for a ControlLease. */
  readonly silent: readonly Incarnation[];
}

export function readMapDelta(value: unknown): MapDelta {
  const it = fields(value, 'map');
  const delta: MapDelta = {
    since: uint(it.since, 'since'),
    version: uint(it.version, 'version'),
    owners: list(it.owners, MEMBERS_MAX * WORKERS_MAX, 'owners', (each) => {
      const owner = fields(each, 'owner');
      return {
        incarnation: incarnation(owner.incarnation),
        address: address(owner.address),
        member: text(owner.member, 'member'),
      };
    }),
    slots: list(it.slots, 2 * SLOTS, 'slots', (each) => (each === -1 ? -1 : uint(each, 'slot'))),
  };
  if (delta.slots.length % 2 === 1) bad('slots');
  for (let i = 0; i < delta.slots.length; i += 2) {
    const [slot, owner] = [delta.slots[i]!, delta.slots[i + 1]!];
    if (slot < 0 || slot >= SLOTS || owner >= delta.owners.length) bad('slot');
  }
  return delta;
}

export function readMembers(value: unknown): MembersNews {
  const it = fields(value, 'members');
  const moves = readMoves(it.moves);
  return {
    version: uint(it.version, 'version'),
    ...(moves && { moves }),
    members: list(it.members, MEMBERS_MAX, 'members', (each) => {
      const member = fields(each, 'member');
      const info = list(member.info, WORKERS_MAX, 'workers', readWorker);
      const facts = readFacts(member.facts);
      const state = member.state;
      if (state !== 'joining' && state !== 'ready' && state !== 'not-ready' && state !== 'gone') bad('state');
      return {
        name: text(member.name, 'name'),
        role: role(member.role),
        state,
        address: address(member.address),
        isController: flag(member.isController, 'controller'),
        slots: uint(member.slots, 'slots'),
        draining: member.draining === true,
        controlEpoch: readControlEpoch(member.controlEpoch ?? 0),
        info,
        silent: list(member.silent ?? [], WORKERS_MAX, 'silent', incarnation),
        ...shown(info, facts),
      };
    }),
  };
}

function readMoves(value: unknown): SlotMoves | undefined {
  if (absent(value)) return undefined;
  const it = fields(value, 'moves');
  return {
    operator: uint(it.operator, 'moves'),
    drain: uint(it.drain, 'moves'),
    balance: uint(it.balance, 'moves'),
    hot: uint(it.hot, 'moves'),
    underWay: uint(it.underWay, 'moves'),
  };
}

export function membersBody(news: MembersNews): Fields {
  return {
    version: news.version,
    moves: news.moves ?? null,
    members: news.members.map(({ info, version, uptimeMs, refusal, level, workers, ...member }) => ({
      ...member,
      info: info.map(workerBody),
      facts: factsBody({ version, uptimeMs, refusal, level, workers }),
    })),
  };
}

/** The part of a member's status that is its own word. */
export function shown(
  info: readonly WorkerInfo[],
  facts: MemberFacts,
): Pick<MemberStatus, 'version' | 'uptimeMs' | 'refusal' | 'level' | 'workers'> {
  const { version, uptimeMs, refusal, level, workers } = facts;
  return {
    version,
    uptimeMs,
    refusal,
    level,
    workers: info.map(({ incarnation: id, address: at, pid }, index) => ({
      incarnation: id,
      address: at,
      pid,
      ...(workers[index] ?? NO_WORKER_FACTS),
    })),
  };
}

/** Domains and values in one page, and deleted domains; what is decoded and indexed in one turn. */
export const SETTINGS_PAGE_ENTRIES_MAX = 2000;

/** Where the next page of a snapshot begins. */
export interface SettingsCursor {
  readonly version: number;
  readonly from: number;
}

export interface SettingsPage extends SettingsDelta {
  /** Undefined: this was the last one. */
  readonly next: SettingsCursor | undefined;
}

export function readSettingsCursor(value: unknown): SettingsCursor | undefined {
  if (absent(value)) return undefined;
  const it = fields(value, 'cursor');
  return { version: uint(it.version, 'version'), from: uint(it.from, 'cursor') };
}

export function settingsBody(page: SettingsPage): Fields {
  return { ...page, next: page.next ?? null };
}

export function readSettings(value: unknown): SettingsPage {
  const it = fields(value, 'settings');
  return {
    next: readSettingsCursor(it.next),
    version: uint(it.version, 'version'),
    whole: flag(it.whole, 'whole'),
    domains: list(it.domains, SETTINGS_PAGE_ENTRIES_MAX, 'domains', (each) => {
      const domain = fields(each, 'domain');
      const { directory, settings } = domain;
      if (directory !== undefined && typeof directory !== 'string') bad('directory');
      return {
        id: uint(domain.id, 'domain id') as DomainId,
        name: text(domain.name, 'domain'),
        shared: flag(domain.shared, 'shared'),
        ...(directory !== undefined && { directory }),
        ...(domain.deleting !== undefined &&
          flag(domain.deleting, 'deleting') && { deleting: true as const }),
        ...(settings !== undefined && { settings: octets(settings, 'domain settings') }),
      };
    }),
    domainsDeleted: list(
      it.domainsDeleted,
      SETTINGS_PAGE_ENTRIES_MAX,
      'domains',
      (each) => uint(each, 'domain id') as DomainId,
    ),
    values: list(it.values, SETTINGS_PAGE_ENTRIES_MAX, 'values', (each) => {
      if (!Array.isArray(each) || each.length !== 2) bad('value');
      const [key, content] = each as unknown[];
      return [text(key, 'key'), content === null ? null : octets(content, 'value')] as const;
    }),
  };
}

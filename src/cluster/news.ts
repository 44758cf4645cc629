/**
 * News from the controller: what changed of the slot map, the members, the settings. Readers as in messages.ts: each
 * field is checked, and what makes no sense is Failure 'invalid'.
 */
import type { Address } from '../platform/platform.ts';
import { type DomainId, type Incarnation, SLOTS } from '../store/ids.ts';
import {
  address,
  bad,
  type Fields,
  fields,
  flag,
  incarnation,
  list,
  MEMBERS_MAX,
  readWorker,
  role,
  text,
  uint,
  WORKERS_MAX,
  type WorkerInfo,
  workerBody,
} from './messages.ts';
import type { MemberStatus, SettingsDelta } from './types.ts';

export interface MapDelta {
  /** The receiver must be at this version or above; 0: everything. */
  readonly since: number;
  readonly version: number;
  readonly owners: readonly {
    readonly incarnation: Incarnation;
    readonly address: Address;
    readonly member: string;
  }[];
  /** Flat: slot, index into `owners` or -1, … */
  readonly slots: readonly number[];
}

export interface MembersNews {
  readonly version: number;
  readonly members: readonly (MemberStatus & { readonly info: readonly WorkerInfo[] })[];
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
  return {
    version: uint(it.version, 'version'),
    members: list(it.members, MEMBERS_MAX, 'members', (each) => {
      const member = fields(each, 'member');
      const info = list(member.info, WORKERS_MAX, 'workers', readWorker);
      const state = member.state;
      if (state !== 'joining' && state !== 'ready' && state !== 'not-ready' && state !== 'gone') bad('state');
      return {
        name: text(member.name, 'name'),
        role: role(member.role),
        state,
        address: address(member.address),
        isController: flag(member.isController, 'controller'),
        workers: info.map(({ incarnation: id, address: at, pid }) => ({ incarnation: id, address: at, pid })),
        slots: uint(member.slots, 'slots'),
        info,
      };
    }),
  };
}

export function membersBody(news: MembersNews): Fields {
  return {
    version: news.version,
    members: news.members.map((each) => ({ ...each, workers: [], info: each.info.map(workerBody) })),
  };
}

export function readSettings(value: unknown): SettingsDelta {
  const it = fields(value, 'settings');
  const everything = Number.MAX_SAFE_INTEGER;
  return {
    version: uint(it.version, 'version'),
    whole: flag(it.whole, 'whole'),
    domains: list(it.domains, everything, 'domains', (each) => {
      const domain = fields(each, 'domain');
      return {
        ...domain,
        id: uint(domain.id, 'domain id') as DomainId,
        name: text(domain.name, 'domain'),
        shared: flag(domain.shared, 'shared'),
      };
    }),
    domainsDeleted: list(
      it.domainsDeleted,
      everything,
      'domains',
      (each) => uint(each, 'domain id') as DomainId,
    ),
    values: list(it.values, everything, 'values', (each) => {
      if (!Array.isArray(each) || each.length !== 2) bad('value');
      const [key, content] = each as unknown[];
      if (content !== null && !(content instanceof Uint8Array)) bad('value');
      const octets =
        content === null ? null : Buffer.from(content.buffer, content.byteOffset, content.length);
      return [text(key, 'key'), octets] as const;
    }),
  };
}

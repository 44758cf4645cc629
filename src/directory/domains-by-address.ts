/**
 * Which domain an IP address of ours belongs to: the domain setting IPAddresses, the other way round. The controller's
 * state has one, so that an address is one domain's; `watchAddresses` keeps one up to date with a member's copy of the
 * settings, for log-ins, TLS and outgoing mail. Asking is one look into a map.
 */
import { createHash } from 'node:crypto';
import type { DomainRecord, WatchedSettings } from '../cluster/types.ts';
import { DecodeError } from '../lib/encoder.ts';
import { plainAddress } from '../lib/ip.ts';
import { DOMAIN_SETTINGS, peekDomainSetting } from '../settings/domain-settings.ts';
import type { DomainId } from '../store/ids.ts';
import { type DomainIndex, followDomains } from './follow-domains.ts';

export class DomainsByAddress implements DomainIndex {
  readonly #byAddress = new Map<string, DomainId>();
  /** Of domains that have any. */
  readonly #addresses = new Map<DomainId, readonly string[]>();

  /** In canonical form. */
  find(address: string): DomainId | undefined {
    return this.#byAddress.get(address);
  }

  /** Takes over what a new or changed record says. */
  put({ id, settings }: DomainRecord): void {
    this.remove(id);
    const addresses = addressesOf(settings);
    if (addresses.length === 0) return;
    this.#addresses.set(id, addresses);
    for (const address of addresses) this.#byAddress.set(address, id);
  }

  remove(id: DomainId): void {
    // In one delta the address may have gone to another domain before this one is seen to have given it up.
    for (const address of this.#addresses.get(id) ?? [])
      if (this.#byAddress.get(address) === id) this.#byAddress.delete(address);
    this.#addresses.delete(id);
  }

  ids(): Iterable<DomainId> {
    return this.#addresses.keys();
  }
}

export interface WatchedAddresses {
  /** The domain that has this address of ours; any way of writing it. */
  find(host: string): DomainId | undefined;
  /** Its name. */
  domainByAddress(host: string): string | undefined;
  readonly stop: () => void;
}

/** The index of a member's copy, in step with it. */
export function watchAddresses(settings: WatchedSettings): WatchedAddresses {
  const index = new DomainsByAddress();
  const stop = followDomains(settings, index);
  const find = (host: string) => index.find(host) ?? index.find(plainAddress(host));
  return {
    find,
    domainByAddress(host) {
      const id = find(host);
      return id === undefined ? undefined : settings.domainById(id)?.name;
    },
    stop,
  };
}

/** The addresses that stored settings give to their domain; none of settings that cannot be read. */
export function addressesOf(settings: Uint8Array | undefined): readonly string[] {
  if (settings === undefined) return [];
  try {
    return DOMAIN_SETTINGS.IPAddresses.type.read(peekDomainSetting(settings, 'IPAddresses') ?? []) ?? [];
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** What stands for stored settings in a change that was decided on them. */
export function settingsDigest(settings: Uint8Array | undefined): Buffer {
  return createHash('sha256')
    .update(settings ?? Buffer.alloc(0))
    .digest();
}

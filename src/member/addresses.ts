/**
 * Addresses behind NAT: a domain may own the address that this machine has, or the one that it has outside (WANAddresses).
 * Asked with our own address, as connections have it; its own owner goes before the outside one's.
 */
import { plainAddress } from '../lib/ip.ts';

export interface OwnedAddresses {
  /** The domain that owns an address of ours, by either of its two. */
  readonly domainByAddress: (host: string) => string | undefined;
  /** The one of the two by which a domain owns it; the address itself when none does. */
  readonly ownedAs: (host: string) => string;
}

export function outsideAddresses(
  domainByAddress: (host: string) => string | undefined,
  outside: ReadonlyMap<string, string>,
): OwnedAddresses {
  const ownedAs = (host: string): string => {
    const other = outside.size === 0 ? undefined : outside.get(plainAddress(host));
    return other !== undefined && domainByAddress(host) === undefined ? other : host;
  };
  return { domainByAddress: (host) => domainByAddress(ownedAs(host)), ownedAs };
}

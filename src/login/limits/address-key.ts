/**
 * The client address that failed log-ins are counted by: an IPv4 address as it is, mapped into IPv6 too, an IPv6 one by
 * its first 64 bits, as whoever has one has all of these (RFC 4291 section 2.5.4, RFC 6177 section 2).
 */
import { formatAddress, parseAddress } from '../../lib/ip.ts';

/** Octets of a key at most: an IPv6 address at its longest, `/64`. */
export const ADDRESS_KEY_OCTETS_MAX = 42;
const HOST_BITS = 64n;

/** `192.0.2.7`, `2001:db8:0:1::/64`; all that is no address counts as one. */
export function addressKey(host: string): string {
  const address = parseAddress(host.split('%', 1)[0] ?? '');
  if (address === undefined) return 'unknown';
  if (address.family === 4) return formatAddress(address);
  return `${formatAddress({ family: 6, value: (address.value >> HOST_BITS) << HOST_BITS })}/64`;
}

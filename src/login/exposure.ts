/**
 * Whether a password may cross a connection: the one place that answers it (docs/doors.md). Inside TLS it may, and from
 * this machine itself; anything else is a network where others listen (RFC 8314 section 3.3, RFC 3501 section 11.1).
 */
import { isLoopback } from '../lib/ip.ts';
import type { Connection } from '../platform/platform.ts';

/** Behind a balancer `remote` is the client, so a balancer on this machine opens nothing. */
export function passwordsAllowed({ tls, remote }: Pick<Connection, 'tls' | 'remote'>): boolean {
  return tls !== undefined || isLoopback(remote.host);
}

/** The POP3 listener of a frontend, with STLS or with TLS from the first octet on (RFC 8314 section 3.3: port 995). */
import type { Address, Net } from '../platform/platform.ts';
import { type ClientListener, startClientListener } from '../relay/listener.ts';
import { err } from './codec/response.ts';
import { PopConnection, type PopConnectionOptions } from './frontend/connection.ts';

export interface PopListenerOptions extends PopConnectionOptions {
  readonly net: Net;
  readonly listen: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** TLS from the first octet on; needs `tls`. Otherwise STLS. */
  readonly implicit: boolean;
  /** Whether a peer is a balancer, whose connections begin with a PROXY header. */
  readonly fromBalancer?: (host: string) => boolean;
  readonly connectionsMax: number;
}

const TOO_MANY = Buffer.from(`${err('too many connections, try again later', 'SYS/TEMP')}\r\n`);

export function startPopListener(options: PopListenerOptions): Promise<ClientListener> {
  const { net, listen, shared, tls, implicit, fromBalancer, clock, connectionsMax } = options;
  if (implicit && tls === undefined) throw new Error('implicit TLS without TLS');
  return startClientListener({
    net,
    listen,
    with: { shared, ...(implicit && tls && { tls }), ...(fromBalancer && { fromBalancer }) },
    clock,
    connectionsMax,
    tooMany: TOO_MANY,
    serve: (connection) => new PopConnection(connection, options),
  });
}

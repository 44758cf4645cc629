/** The PWD listener of a member: on loopback, or on its management address in TLS from the first octet on. */
import type { Address, Net, TlsServerOptions } from '../platform/platform.ts';
import { type ClientListener, startClientListener } from '../relay/listener.ts';
import { answer, CODE } from './codec.ts';
import { CliConnection, type CliConnectionOptions } from './connection.ts';

export interface CliListenerOptions extends CliConnectionOptions {
  readonly net: Net;
  readonly listen: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** TLS from the first octet on; undefined on loopback. */
  readonly tls: TlsServerOptions | undefined;
  readonly connectionsMax: number;
}

const TOO_MANY = Buffer.from(answer(CODE.failed, 'too many connections, try again later'));

export function startCliListener(options: CliListenerOptions): Promise<ClientListener> {
  const { net, listen, shared, tls, clock, connectionsMax } = options;
  return startClientListener({
    net,
    listen,
    with: { shared, ...(tls && { tls }) },
    clock,
    connectionsMax,
    tooMany: TOO_MANY,
    serve: (connection) => new CliConnection(connection, options),
  });
}

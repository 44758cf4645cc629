/** What a listener is started with. Sockets come from a door that is a parameter: nothing here opens a port. */
import type { Socket } from 'node:net';
import type { Logger } from '../../lib/logging.ts';
import type { Address, Listener, ListenOptions, TlsInfo, TlsServerOptions } from '../../platform/platform.ts';
import type { SessionOptions } from '../session/types.ts';

/** A connection as `listenSockets` (src/platform/real/sockets.ts) hands it over: PROXY header and implicit TLS are done. */
export interface ClientSocket {
  readonly socket: Socket;
  /** Our end and the client's, also behind a balancer; the socket's own may be others. */
  readonly local: Address;
  readonly remote: Address;
  readonly tls: TlsInfo | undefined;
  /** STARTTLS: from here on the socket in the answer is the connection. Rejects when the handshake fails or takes too long. */
  secure(options: TlsServerOptions): Promise<{ readonly socket: Socket; readonly tls: TlsInfo }>;
}

export type ListenSockets = (
  address: Address,
  onSocket: (client: ClientSocket) => void,
  options: ListenOptions & { readonly logger?: Logger; readonly halfOpen?: boolean },
) => Promise<Listener>;

export interface ListenerOptions extends Omit<SessionOptions, 'hasTls'> {
  readonly listen: ListenSockets;
  readonly address: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** Certificates, for STARTTLS or from the first octet on. */
  readonly tls: TlsServerOptions | undefined;
  readonly isImplicitTls: boolean;
  readonly fromBalancer: ((host: string) => boolean) | undefined;
  /** LMTP knows no log-in: only these peers may speak it. */
  readonly trusted: (host: string) => boolean;
  readonly connectionsMax: number;
  /** From one address, which for IPv6 is a network of 64 bits. Balancers and loopback have no such limit. */
  readonly connectionsPerAddressMax: number;
  /** RFC 5321 section 4.5.3.2.7: at least five minutes. */
  readonly idleMs: number;
}

export interface SmtpListener {
  readonly address: Address;
  readonly connections: number;
  /** Stops accepting, lets open transactions end until `graceMs`, then answers 421 and closes. */
  close(graceMs: number): Promise<void>;
}

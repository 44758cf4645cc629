/**
 * TCP and TLS on node:net and node:tls. The listener is this process's alone unless it is shared on purpose; the life
 * connection needs that (docs/architecture.md, section 3, leases). A literal address and `localhost` never need libuv's
 * pool; any other host name does, by getaddrinfo.
 */
import net from 'node:net';
import type { Logger } from '../../lib/logging.ts';
import type { Address, Connection, ConnectOptions, Listener, ListenOptions, Net } from '../platform.ts';
import { RealConnection } from './connection.ts';
import { netError } from './errors.ts';
import { type AcceptedSocket, addressOf, listenSockets, literal } from './sockets.ts';
import { secureClient } from './tls.ts';
import { TlsContexts } from './tls-contexts.ts';

export interface RealNetOptions {
  /** Told of connections that did not get through the door. */
  readonly logger?: Logger;
}

export class RealNet implements Net {
  readonly #options: RealNetOptions;
  readonly #contexts = new TlsContexts();

  constructor(options: RealNetOptions = {}) {
    this.#options = options;
  }

  listen(
    address: Address,
    onConnection: (connection: Connection) => void,
    options: ListenOptions = {},
  ): Promise<Listener> {
    const accept = (accepted: AcceptedSocket) => onConnection(new RealConnection(accepted));
    return listenSockets(address, accept, {
      ...options,
      ...this.#options,
      contexts: this.#contexts,
      halfOpen: true,
    });
  }

  connect(address: Address, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { signal, tls } = options;
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const raw = net.connect({
        host: literal(address.host),
        port: address.port,
        noDelay: true,
        allowHalfOpen: true,
      });
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        raw.off('connect', onConnect);
        raw.off('error', giveUp);
      };
      const giveUp = (error: Error) => {
        settle();
        // What the socket says from here on, nobody waits for; without a listener it would end the process.
        raw.on('error', () => undefined);
        raw.destroy();
        reject(error);
      };
      const succeed = (ends: Pick<AcceptedSocket, 'socket' | 'tls'>) => {
        settle();
        resolve(dialled(raw, ends));
      };
      const onConnect = () => {
        if (tls === undefined) succeed({ socket: raw, tls: undefined });
        else secureClient(raw, address, tls, this.#contexts).then(succeed, giveUp);
      };
      const onAbort = () => giveUp(signal?.reason as Error);
      const timer = setTimeout(() => giveUp(netError('ETIMEDOUT', 'connect', address)), options.timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      raw.on('connect', onConnect);
      raw.on('error', giveUp);
    });
  }
}

function dialled(raw: net.Socket, { socket, tls }: Pick<AcceptedSocket, 'socket' | 'tls'>): Connection {
  return new RealConnection({
    socket,
    raw,
    tls,
    local: addressOf(raw.localAddress, raw.localPort),
    remote: addressOf(raw.remoteAddress, raw.remotePort),
    // Whoever dials begins TLS as the client, at once or not at all.
    secure: () => Promise.reject(new Error('STARTTLS is the side that was called')),
  });
}

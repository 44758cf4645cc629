/**
 * The door for sockets: listening, the PROXY header of a balancer, and the TLS handshake of an implicit listener, until
 * a session may begin (docs/doors.md). `Net.listen` stands on it; a library that wants sockets takes it as it is.
 * What a peer does here costs its own connection only, and what waits here is bounded in time and number.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isLoopback } from '../../lib/ip.ts';
import { type Logger, noLogger } from '../../lib/logging.ts';
import { type ProxyHeader, readProxyHeader } from '../../lib/proxy-header.ts';
import type { Address, Listener, ListenOptions, TlsInfo, TlsServerOptions } from '../platform.ts';
import { netError } from './errors.ts';
import { EndedEarly, readAhead } from './read-ahead.ts';
import { HANDSHAKE_MS_MAX, type Secured, secureServer, Unpresentable } from './tls.ts';
import { TlsContexts } from './tls-contexts.ts';

/** A connection that is through the door. */
export interface AcceptedSocket {
  /** To read from and to write to: a TLSSocket where `tls` is there. */
  readonly socket: Socket;
  /** The TCP socket below; the same one in the clear. `raw.resetAndDestroy()` drops either. */
  readonly raw: Socket;
  /** Our end; behind a balancer the address that its client called. Not the socket's own, which may be the balancer's. */
  readonly local: Address;
  readonly remote: Address;
  readonly tls: TlsInfo | undefined;
  /**
   * STARTTLS: from here on the TLSSocket in the answer is the connection, and `socket` is left alone. Before the call the
   * caller takes its listeners and pipes off `socket`; octets that it has not read are the first of TLS, octets that it
   * has read and not used it must throw away (RFC 3207 section 4.2). Rejects when the handshake fails or takes longer
   * than 10 s; the socket is destroyed then.
   */
  secure(options: TlsServerOptions): Promise<Secured>;
}

export interface SocketListenOptions extends ListenOptions {
  /** Told of connections that did not get through. */
  readonly logger?: Logger;
  /** Whether a FIN of the peer leaves our half open until we end it; else it is answered at once. */
  readonly halfOpen?: boolean;
  /** Shared by listeners that show the same certificates; its own when left out. */
  readonly contexts?: TlsContexts;
  readonly limits?: Partial<DoorLimits>;
}

export interface DoorLimits {
  /** Until the PROXY header is there. */
  readonly headerMs: number;
  readonly handshakeMs: number;
  /** Connections between accept and session; one more costs the oldest, so that those who only sit there lock nobody out. */
  readonly waiting: number;
}

const DOOR_LIMITS: DoorLimits = { headerMs: 5000, handshakeMs: HANDSHAKE_MS_MAX, waiting: 1024 };

/** What the kernel holds of connections not yet accepted; it cuts this at net.core.somaxconn. */
const BACKLOG = 1024;
/** IPv4 addresses as a socket for both families shows them, RFC 4291 section 2.5.5.2. */
const MAPPED_IPV4 = '::ffff:';

/** Port 0 lets the kernel choose. Rejects with EADDRINUSE, EACCES … */
export function listenSockets(
  address: Address,
  onSocket: (accepted: AcceptedSocket) => void,
  options: SocketListenOptions = {},
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const door = new Door(options, onSocket);
    const server = createServer({ allowHalfOpen: options.halfOpen ?? false, noDelay: true }, (socket) =>
      door.enter(socket),
    );
    server.once('error', reject);
    server.listen(
      {
        host: literal(address.host),
        port: address.port,
        backlog: BACKLOG,
        exclusive: true,
        reusePort: options.shared ?? false,
      },
      () => {
        server.off('error', reject);
        // A connection that could not be accepted (EMFILE, or gone already) costs that connection, not the listener.
        server.on('error', () => undefined);
        resolve(new SocketListener(server, door));
      },
    );
  });
}

/** `localhost` without asking getaddrinfo (RFC 6761 section 6.3). */
export function literal(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

export function addressOf(host: string | undefined, port: number | undefined): Address {
  const plain = host?.startsWith(MAPPED_IPV4) ? host.slice(MAPPED_IPV4.length) : host;
  return { host: plain ?? '', port: port ?? 0 };
}

class SocketListener implements Listener {
  readonly address: Address;
  readonly #server: Server;
  readonly #door: Door;

  constructor(server: Server, door: Door) {
    const bound = server.address() as AddressInfo;
    this.#server = server;
    this.#door = door;
    this.address = { host: bound.address, port: bound.port };
  }

  /** Node's own callback would wait for the accepted connections too; the port is free before that. */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    this.#door.close();
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Of a connection as a session sees them. */
export interface Ends {
  readonly local: Address;
  readonly remote: Address;
}

class Door {
  readonly #options: SocketListenOptions;
  readonly #limits: DoorLimits;
  readonly #contexts: TlsContexts;
  readonly #logger: Logger;
  readonly #onSocket: (accepted: AcceptedSocket) => void;
  /** Oldest first. */
  readonly #waiting = new Set<Socket>();

  constructor(options: SocketListenOptions, onSocket: (accepted: AcceptedSocket) => void) {
    this.#options = options;
    this.#limits = { ...DOOR_LIMITS, ...options.limits };
    this.#contexts = options.contexts ?? new TlsContexts();
    this.#logger = options.logger ?? noLogger;
    this.#onSocket = onSocket;
  }

  enter(socket: Socket): void {
    // Without an address the peer was gone before we looked; who gets the socket is told by `close`.
    const ends = {
      local: addressOf(socket.localAddress, socket.localPort),
      remote: addressOf(socket.remoteAddress, socket.remotePort),
    };
    const { tls, fromBalancer } = this.#options;
    const isProxied = fromBalancer?.(ends.remote.host) ?? false;
    if (tls !== undefined || isProxied) void this.#prepare(socket, ends, isProxied);
    else this.#handOver(socket, ends, { socket, tls: undefined });
  }

  /** Drops who is not through yet; nobody is handed over from here on. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  async #prepare(socket: Socket, own: Ends, isProxied: boolean): Promise<void> {
    // What is said between one listener of ours and the next must not end the process.
    socket.on('error', () => undefined);
    this.#makeRoom();
    this.#waiting.add(socket);
    let [ends, secured] = [own, undefined as Secured | undefined];
    try {
      if (isProxied) ends = await this.#readHeader(socket, own);
      if (this.#options.tls !== undefined) secured = await this.#secure(socket, ends, this.#options.tls);
      if (socket.destroyed) throw netError('ECONNRESET', 'accept', ends.remote);
    } catch (error) {
      socket.destroy();
      const fields = { err: error, remote: ends.remote.host };
      if (error instanceof Unpresentable) this.#logger.error(fields, 'connection not let in');
      else this.#logger.debug(fields, 'connection not let in');
      return;
    } finally {
      this.#waiting.delete(socket);
    }
    this.#handOver(socket, ends, secured ?? { socket, tls: undefined });
  }

  #handOver(
    raw: Socket,
    { local, remote }: Ends,
    { socket, tls }: Pick<AcceptedSocket, 'socket' | 'tls'>,
  ): void {
    this.#onSocket({
      socket,
      raw,
      local,
      remote,
      tls,
      secure: (options) => {
        if (tls !== undefined) return Promise.reject(new Error('TLS is on already'));
        return this.#secure(raw, { local }, options);
      },
    });
  }

  #makeRoom(): void {
    if (this.#waiting.size < this.#limits.waiting) return;
    for (const oldest of this.#waiting) {
      this.#waiting.delete(oldest);
      oldest.destroy();
      return;
    }
  }

  #secure(raw: Socket, { local }: Pick<Ends, 'local'>, options: TlsServerOptions): Promise<Secured> {
    return secureServer(raw, {
      local,
      options,
      contexts: this.#contexts,
      timeoutMs: this.#limits.handshakeMs,
    });
  }

  async #readHeader(socket: Socket, own: Ends): Promise<Ends> {
    const timer = setTimeout(
      () => socket.destroy(netError('ETIMEDOUT', 'PROXY header', own.remote)),
      this.#limits.headerMs,
    );
    try {
      const read = await readAhead(socket, readProxyHeader, { take: true });
      if (read.kind === 'value') return endsBehind(read.value, own);
      // Only somebody in the balancers' networks gets here: one of the two is set up wrong.
      this.#logger.warn({ remote: own.remote.host, why: read.why }, 'a balancer sent no PROXY header');
      throw netError('EPROTO', read.why, own.remote);
    } catch (error) {
      // A balancer that only looks whether we are there.
      if (error instanceof EndedEarly && error.octets === 0) error.message = 'closed without a PROXY header';
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The loopback address of a balancer's own client is the balancer's, not ours: on another machine it would open what
 * only this machine may do, such as passwords in the clear. Its connection then counts as the balancer's own.
 */
export function endsBehind(header: ProxyHeader, own: Ends): Ends {
  if (header.kind === 'own') return own;
  if (isLoopback(header.source.host) && !isLoopback(own.remote.host)) return own;
  return { local: header.destination, remote: header.source };
}

/**
 * TCP on node:net. Sockets are half-open inside, so that a FIN of the peer is told (`ended`) before ours is sent and
 * what is queued still goes; no delay; keep-alive, so that a dead path ends in ETIMEDOUT. The listener is this process's
 * alone unless it is shared on purpose; the life connection needs that (docs/architecture.md, section 3, leases). A literal address
 * and `localhost` never need libuv's pool; any other host name does, by getaddrinfo.
 */
import net from 'node:net';
import type { Address, Connection, ConnectionEvents, Listener, Net } from '../platform.ts';

/** What the kernel holds of connections not yet accepted; it cuts this at net.core.somaxconn. */
const BACKLOG = 1024;
const KEEP_ALIVE_IDLE_MS = 15_000;
const KEEP_ALIVE_INTERVAL_MS = 5_000;
const KEEP_ALIVE_PROBES = 4;
/** IPv4 addresses as a socket for both families shows them, RFC 4291 section 2.5.5.2. */
const MAPPED_IPV4 = '::ffff:';

export class RealNet implements Net {
  listen(
    address: Address,
    onConnection: (connection: Connection) => void,
    { shared } = { shared: false },
  ): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        onConnection(new RealConnection(socket)),
      );
      server.once('error', reject);
      server.listen(
        {
          host: literal(address.host),
          port: address.port,
          backlog: BACKLOG,
          exclusive: true,
          reusePort: shared,
        },
        () => {
          server.off('error', reject);
          // A connection that could not be accepted (EMFILE, or gone already) costs that connection, not the listener.
          server.on('error', () => undefined);
          resolve(new RealListener(server));
        },
      );
    });
  }

  connect(
    address: Address,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const socket = net.connect({
        host: literal(address.host),
        port: address.port,
        noDelay: true,
        allowHalfOpen: true,
      });
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        socket.off('connect', onConnect);
        socket.off('error', onError);
      };
      const giveUp = (error: Error) => {
        settle();
        // What the socket says from here on, nobody waits for; without a listener it would end the process.
        socket.on('error', () => undefined);
        socket.destroy();
        reject(error);
      };
      const onConnect = () => {
        settle();
        resolve(new RealConnection(socket));
      };
      const onError = (error: Error) => giveUp(error);
      const onAbort = () => giveUp(signal?.reason as Error);
      const timer = setTimeout(() => giveUp(netError('ETIMEDOUT', 'connect', address)), options.timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.on('connect', onConnect);
      socket.on('error', onError);
    });
  }
}

class RealListener implements Listener {
  readonly address: Address;
  readonly #server: net.Server;

  constructor(server: net.Server) {
    const bound = server.address() as net.AddressInfo;
    this.#server = server;
    this.address = { host: bound.address, port: bound.port };
  }

  /** Node's own callback would wait for the accepted connections too; the port is free before that. */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    return new Promise((resolve) => setImmediate(resolve));
  }
}

class RealConnection implements Connection {
  readonly local: Address;
  readonly remote: Address;
  readonly #socket: net.Socket;
  #events: ConnectionEvents | undefined;
  #cause: Error | undefined;
  #isClosed = false;
  #isPaused = false;
  #isGathering = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    // Without an address the peer was gone before we looked; `closed` follows.
    this.local = addressOf(socket.localAddress, socket.localPort);
    this.remote = addressOf(socket.remoteAddress, socket.remotePort);
    socket.setKeepAlive(true, KEEP_ALIVE_IDLE_MS, KEEP_ALIVE_INTERVAL_MS, KEEP_ALIVE_PROBES);
    socket.on('error', (error) => {
      this.#cause ??= error;
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#events?.closed(this.#cause);
    });
  }

  start(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error('connection started twice');
    this.#events = events;
    if (this.#isClosed) {
      queueMicrotask(() => events.closed(this.#cause));
      return;
    }
    this.#socket.on('end', () => {
      events.ended?.();
      this.end();
    });
    this.#socket.on('drain', () => events.drained?.());
    // A listener for data starts the flow, unless the socket was paused before.
    if (this.#isPaused) this.#socket.pause();
    this.#socket.on('data', (bytes: Buffer) => events.data(bytes));
  }

  write(bytes: Buffer): boolean {
    // Dropped octets need no waiting; who writes after the end is told by `closed`, or knows of its own `end`.
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    this.#gather();
    return this.#socket.write(bytes);
  }

  get queuedOctets(): number {
    return this.#socket.writableLength;
  }

  /** Before `start` only noted: a socket that flows without a listener drops what comes. */
  pause(): void {
    this.#isPaused = true;
    if (this.#events !== undefined) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#events !== undefined) this.#socket.resume();
  }

  end(): void {
    if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.end();
  }

  destroy(): void {
    if (this.#socket.destroyed) return;
    this.#cause ??= netError('ECONNABORTED', 'destroy', this.remote);
    this.#socket.resetAndDestroy();
  }

  /**
   * What is written while the loop goes through the sockets that are ready leaves in one call when it is through: behind a
   * bus connection there are the clients of all the others, and a call for each costs more than what is in it.
   */
  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#isGathering = false;
      this.#socket.uncork();
    });
  }
}

/** `localhost` without asking getaddrinfo (RFC 6761 section 6.3). */
function literal(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

function addressOf(host: string | undefined, port: number | undefined): Address {
  const plain = host?.startsWith(MAPPED_IPV4) ? host.slice(MAPPED_IPV4.length) : host;
  return { host: plain ?? '', port: port ?? 0 };
}

function netError(code: string, call: string, address: Address): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call} ${address.host}:${address.port}`);
  error.code = code;
  error.syscall = call;
  return error;
}

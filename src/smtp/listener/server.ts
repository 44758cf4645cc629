/**
 * SMTP, LMTP and submission listeners (RFC 5321, 2033, 6409) over smtp-server. This folder alone knows the library's inner
 * classes, and each seam has a test: it keeps the connections, their sockets and their time-outs; sockets are accepted by
 * our own door, commands are carried out by `session/`, and the library's handlers, its TLS and its parser are not used.
 */
import { SMTPServer } from 'smtp-server';
import { isLoopback } from '../../lib/ip.ts';
import type { Listener } from '../../platform/platform.ts';
import type { SessionOptions } from '../session/types.ts';
import { Connection, SHUTTING_DOWN } from './connection.ts';
import type { ClientSocket, ListenerOptions, SmtpListener } from './options.ts';
import { Places } from './places.ts';

/** Rejects with EADDRINUSE, EACCES … */
export async function startSmtpListener(options: ListenerOptions): Promise<SmtpListener> {
  const { listen, address, shared, tls, isImplicitTls, fromBalancer, logger } = options;
  if (isImplicitTls && tls === undefined) throw new Error('a listener inside TLS needs certificates');
  const server = new Server(options);
  server.on('error', (error: Error) => logger.debug({ err: error }, 'smtp connection'));
  const listener = await listen(address, (client) => server.accept(client), {
    shared,
    logger,
    halfOpen: true, // what is owed to a client that sends no more is still sent
    ...(isImplicitTls && tls !== undefined ? { tls } : {}),
    ...(fromBalancer === undefined ? {} : { fromBalancer }),
  });
  return {
    address: listener.address,
    get connections() {
      return server.connections.size;
    },
    close: (graceMs) => server.drain(listener, graceMs),
  };
}

export class Server extends SMTPServer {
  /** What each session works with. */
  readonly session: SessionOptions;
  readonly places: Places;
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions) {
    super({
      lmtp: options.protocol === 'lmtp',
      name: options.hostName,
      socketTimeout: options.idleMs,
      disableReverseLookup: true,
      logger: false,
    });
    this.#options = options;
    this.places = new Places({
      clock: options.clock,
      connectionsMax: options.connectionsMax,
      perAddressMax: options.connectionsPerAddressMax,
      isManyClients: (host) => isLoopback(host) || options.fromBalancer?.(host) === true,
    });
    this.session = { ...options, hasTls: options.tls !== undefined };
  }

  accept(client: ClientSocket): void {
    const connection = new Connection(this, client, this.#options);
    this.connections.add(connection);
    connection.on('error', (error: Error) => this.emit('error', error));
    connection.init();
  }

  /** Resolves when all clients have left, at the latest after `graceMs`. */
  async drain(listener: Listener, graceMs: number): Promise<void> {
    await listener.close();
    const connections = [...this.connections] as Connection[];
    const { clock } = this.#options;
    const over = Promise.withResolvers<void>();
    const timer = clock.timer(graceMs, () => {
      for (const connection of this.connections) (connection as Connection).refuse(SHUTTING_DOWN);
      over.resolve();
    });
    const left = connections.map((connection) => connection.whenClosed);
    for (const connection of connections) connection.drain();
    await Promise.race([Promise.all(left), over.promise]);
    timer.cancel();
  }

  /** The library's contexts, with a key that everybody knows, are never made. */
  override updateSecureContext(): void {
    this.secureContext = new Map();
  }
}

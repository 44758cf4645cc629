/**
 * The door of a protocol on a frontend: accepts connections, bounds their number, ends them in good order. A connection
 * counts until it is closed, whatever its client does about that.
 *
 * When all places are taken, the connection that has been here longest without a log-in makes room, after PATIENCE_MS: so
 * a protocol may wait long for a slow client (RFC 1939 section 3 wants ten minutes), and idle strangers keep nobody out.
 */
import type { Address, Clock, Connection, ListenOptions, Net } from '../platform/platform.ts';
import { LINGER_MS } from './client.ts';

/** One client being served. */
export interface Service {
  /** Resolves when the connection is closed; never rejects. */
  readonly over: Promise<void>;
  readonly isLoggedIn: boolean;
  /** Ends the session in good order, after the running command. */
  stop(): void;
}

export interface ClientListenerOptions {
  readonly net: Net;
  readonly listen: Address;
  readonly with: ListenOptions;
  readonly clock: Clock;
  readonly connectionsMax: number;
  /** What one too many is told, its line end included. */
  readonly tooMany: Buffer;
  /** Called in the turn in which the connection was accepted. */
  readonly serve: (connection: Connection) => Service;
}

export interface ClientListener {
  readonly address: Address;
  readonly connections: number;
  /** Stops accepting, lets running commands end, and drops what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** So long nobody who is not logged in has to make room. */
export const PATIENCE_MS = 60_000;
/** Connections being told that there is no room; any more are just dropped. */
const REFUSED_AT_ONCE_MAX = 100;

interface Open {
  readonly connection: Connection;
  readonly service: Service;
  readonly sinceMs: number;
}

export async function startClientListener(options: ClientListenerOptions): Promise<ClientListener> {
  const { net, clock, connectionsMax } = options;
  /** Oldest first. */
  const open = new Set<Open>();
  let refused = 0;

  function accept(connection: Connection): void {
    if (open.size >= connectionsMax && !makeRoom()) {
      refuse(connection);
      return;
    }
    const entry = { connection, service: options.serve(connection), sinceMs: clock.monotonicMs() };
    open.add(entry);
    void entry.service.over.then(() => open.delete(entry));
  }

  function makeRoom(): boolean {
    for (const entry of open) {
      if (clock.monotonicMs() - entry.sinceMs < PATIENCE_MS) return false;
      if (entry.service.isLoggedIn) continue;
      open.delete(entry);
      entry.connection.destroy();
      return true;
    }
    return false;
  }

  function refuse(connection: Connection): void {
    const isHeard = refused < REFUSED_AT_ONCE_MAX;
    const timer = clock.timer(isHeard ? LINGER_MS : 0, () => connection.destroy());
    if (isHeard) refused++;
    connection.start({
      data: () => undefined,
      closed: () => {
        timer.cancel();
        if (isHeard) refused--;
      },
    });
    if (!isHeard) return;
    connection.write(options.tooMany);
    connection.end();
  }

  const listener = await net.listen(options.listen, accept, options.with);
  return {
    address: listener.address,
    get connections() {
      return open.size;
    },
    async close(graceMs) {
      await listener.close();
      const all = [...open];
      for (const { service } of all) service.stop();
      const over = Promise.all(all.map(({ service }) => service.over));
      const waiting = new AbortController();
      await Promise.race([over, clock.sleep(graceMs, waiting.signal).catch(() => undefined)]); // aborted below
      waiting.abort();
      for (const { connection } of open) connection.destroy();
    },
  };
}

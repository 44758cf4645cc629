/** The IMAP listener of a frontend: accepts connections, bounds their number, ends them in good order. */
import type { TransactionNumbers } from '../directory/transactions.ts';
import type { Authenticator } from '../directory/types.ts';
import { isLoopback } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import type { Address, Clock, Connection, Net } from '../platform/platform.ts';
import { ImapConnection } from './frontend/connection.ts';
import type { Dial } from './frontend/dial.ts';

export interface ImapListenerOptions {
  readonly net: Net;
  readonly listen: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  readonly authenticator: Authenticator;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
  readonly connectionsMax: number;
  /** How long a command waits for an owner before `NO [UNAVAILABLE]`. */
  readonly stallMs: number;
}

export interface ImapListener {
  readonly address: Address;
  readonly connections: number;
  /** Stops accepting, says BYE after running commands, and drops what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const TOO_MANY = Buffer.from('* BYE [LIMIT] too many connections, try again later\r\n');

export async function startImapListener(options: ImapListenerOptions): Promise<ImapListener> {
  const open = new Map<ImapConnection, { readonly connection: Connection; readonly served: Promise<void> }>();
  const accept = (connection: Connection): void => {
    if (open.size >= options.connectionsMax) return refuse(connection);
    const imap = new ImapConnection({
      ...options,
      connection,
      passwordsAllowed: isLoopback(connection.remote.host),
    });
    const served = imap.serve().finally(() => open.delete(imap));
    open.set(imap, { connection, served });
  };
  const listener = await options.net.listen(options.listen, accept, options);
  return {
    address: listener.address,
    get connections() {
      return open.size;
    },
    async close(graceMs) {
      await listener.close();
      const all = [...open];
      for (const [imap] of all) imap.stop();
      const served = Promise.all(all.map(([, { served }]) => served));
      const waiting = new AbortController();
      await Promise.race([served, options.clock.sleep(graceMs, waiting.signal).catch(() => undefined)]);
      waiting.abort();
      for (const { connection } of open.values()) connection.destroy();
    },
  };
}

function refuse(connection: Connection): void {
  connection.start({ data: () => undefined, closed: () => undefined });
  connection.write(TOO_MANY);
  connection.end();
}

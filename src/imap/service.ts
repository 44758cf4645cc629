/** The IMAP listener of a frontend: what it listens with, and a connection each (frontend/connection.ts). */

import type { Dial } from '../cluster/dial.ts';
import type { TransactionNumbers } from '../directory/transactions.ts';
import type { Budget } from '../lib/budget.ts';
import type { Logger } from '../lib/logging.ts';
import type { Authenticator } from '../login/types.ts';
import type { Address, Clock, Connection, Net, Random, TlsServerOptions } from '../platform/platform.ts';
import { type ClientListener, startClientListener } from '../relay/listener.ts';

import { ImapConnection } from './frontend/connection.ts';

export interface ImapListenerOptions {
  readonly net: Net;
  readonly listen: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** Certificates, for STARTTLS or TLS from the first octet on; without it there is neither. */
  readonly tls: TlsServerOptions | undefined;
  /** TLS from the first octet on (RFC 8314 section 3.2); needs `tls`. */
  readonly implicitTls: boolean;
  /** See ListenOptions. */
  readonly fromBalancer?: (host: string) => boolean;
  readonly authenticator: Authenticator;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
  /** Octets of messages that are being received or given to their owners, all connections of a worker together. */
  readonly budget: Budget;
  readonly connectionsMax: number;
  /** How long a command waits for an owner before `NO [UNAVAILABLE]`. */
  readonly stallMs: number;
  /** In place of the rule of src/login/exposure.ts: for tests, whose clients are all on loopback. */
  readonly passwordsAllowed?: (connection: Pick<Connection, 'tls' | 'remote'>) => boolean;
}

const TOO_MANY = Buffer.from('* BYE [LIMIT] too many connections, try again later\r\n');

/** Rejects as `Net.listen` does. */
export async function startImapListener(options: ImapListenerOptions): Promise<ClientListener> {
  const { net, listen, shared, clock, connectionsMax, implicitTls, tls, fromBalancer } = options;
  if (implicitTls && tls === undefined) throw new Error('a listener with TLS needs certificates');
  return startClientListener({
    net,
    listen,
    with: { shared, ...(implicitTls && tls && { tls }), ...(fromBalancer && { fromBalancer }) },
    clock,
    connectionsMax,
    tooMany: TOO_MANY,
    serve: (connection) => {
      const imap = new ImapConnection({
        ...options,
        service: implicitTls ? 'imaps' : 'imap',
        connection,
      });
      const over = imap.serve();
      return {
        over,
        get isLoggedIn() {
          return imap.isLoggedIn;
        },
        stop: () => imap.stop(),
      };
    },
  });
}

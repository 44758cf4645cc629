/** What the tests of the PWD service stand on. */
import { setImmediate as immediate } from 'node:timers/promises';
import { execute } from '../../src/admin/commands.ts';
import { type CliListenerOptions, startCliListener } from '../../src/cli/service.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { Connection, Net, TlsInfo } from '../../src/platform/platform.ts';
import type { ClientListener } from '../../src/relay/listener.ts';
import { MemoryAdministration, POSTMASTER } from '../admin/memory.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { connectedPair } from '../support/memory-net.ts';

export const TLS: TlsInfo = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  serverName: undefined,
  peerCertificate: undefined,
  serverEndPoint: undefined,
  exporter: undefined,
};

/** A service with a domain and two accounts, and one client. */
export class Bed {
  readonly clock = new ManualClock();
  readonly admin = new MemoryAdministration();
  listener!: ClientListener;
  #accept!: (connection: Connection) => void;
  client!: Connection;
  server!: Connection;
  closed!: Promise<void>;
  lines!: () => string[];

  private constructor() {}

  static async start(options: Partial<CliListenerOptions> = {}): Promise<Bed> {
    const bed = new Bed();
    const net: Pick<Net, 'listen'> = {
      listen: async (address, accept) => {
        bed.#accept = accept;
        return { address, close: async () => undefined };
      },
    };
    bed.listener = await startCliListener({
      net: net as Net,
      listen: { host: '127.0.0.1', port: 106 },
      shared: false,
      tls: undefined,
      admin: bed.admin,
      authenticator: bed.admin.authenticator,
      clock: bed.clock,
      logger: noLogger,
      host: 'mx.example',
      version: '1.0',
      connectionsMax: 10,
      ...options,
    });
    for (const line of [
      'CREATEDOMAIN a.example SHARED',
      'CREATEACCOUNT joe@a.example {Password=pass;}',
      'CREATEACCOUNT ann@a.example',
    ])
      await execute(bed.admin, POSTMASTER, line);
    return Object.assign(bed, bed.connect());
  }

  connect(from = '127.0.0.1', tls?: TlsInfo): Pick<Bed, 'client' | 'server' | 'closed' | 'lines'> {
    const [client, server] = connectedPair({ host: from, port: 1 });
    if (tls !== undefined) Object.defineProperty(server, 'tls', { value: tls });
    const received: Buffer[] = [];
    const closed = new Promise<void>((resolve) =>
      client.start({
        data: (bytes) => void received.push(Buffer.from(bytes)),
        ended: () => client.end(),
        closed: () => resolve(),
      }),
    );
    this.#accept(server);
    return {
      client,
      server,
      closed,
      lines: () => Buffer.concat(received).toString('latin1').split('\r\n').slice(0, -1),
    };
  }
}

/** Lets everything happen that needs no clock: delivery in memory goes by microtasks. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await immediate();
}

/** What the tests of the PWD service stand on. */
import { setImmediate as immediate } from 'node:timers/promises';
import { execute } from '../../src/admin/commands.ts';
import { type CliOptions, CliService } from '../../src/cli/service.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { Connection, TlsInfo } from '../../src/platform/platform.ts';
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
  readonly service: CliService;
  client!: Connection;
  server!: Connection;
  closed!: Promise<void>;
  lines!: () => string[];

  private constructor(options: Partial<CliOptions>) {
    this.service = new CliService({
      admin: this.admin,
      authenticator: this.admin.authenticator,
      clock: this.clock,
      logger: noLogger,
      host: 'mx.example',
      version: '1.0',
      connectionsMax: 10,
      ...options,
    });
  }

  static async start(options: Partial<CliOptions> = {}): Promise<Bed> {
    const bed = new Bed(options);
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
    this.service.accept(server);
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

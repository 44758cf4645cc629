/**
 * A door on our own loopback that leads to a member's: with TLS towards the member, where no password may cross a network in
 * the clear while a test's client speaks in the clear; and slowed, where a client without a pause would be all the load that
 * the machine can bear.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../../src/platform/platform.ts';

export interface RelayOptions {
  readonly tls?: boolean;
  /** Each piece that a client sends waits so long. */
  readonly delayMs?: number;
}

export class Relay {
  readonly address: Address;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  static async open(to: Address, options: RelayOptions = {}): Promise<Relay> {
    const server = createServer({ noDelay: true });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const relay = new Relay(server);
    server.on('connection', (client) => relay.#join(client, to, options));
    return relay;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, to: Address, { tls = false, delayMs = 0 }: RelayOptions): void {
    const member = tls
      ? connectTls({ ...to, rejectUnauthorized: false }) // the cluster's own certificate, self-signed
      : connect({ ...to, noDelay: true });
    for (const [from, other] of [
      [client, member],
      [member, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined); // 'close' follows
      from.on('close', () => {
        this.#sockets.delete(from);
        other.destroy();
      });
      from.on('end', () => other.end());
    }
    member.on('data', (octets) => void client.write(octets));
    client.on('data', (octets) => {
      if (delayMs === 0) member.write(octets);
      else setTimeout(() => !member.destroyed && member.write(octets), delayMs);
    });
  }
}

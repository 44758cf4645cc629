/** What the tests of TLS share: an echo behind a door, and Node's own client as a peer. */
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Test } from 'tap';
import type { Address, Listener, TlsIdentity, TlsServerOptions } from '../../../src/platform/platform.ts';
import {
  type AcceptedSocket,
  listenSockets,
  type SocketListenOptions,
} from '../../../src/platform/real/sockets.ts';

export const LOOPBACK: Address = { host: '127.0.0.1', port: 0 };

export function serverTls(identity: TlsIdentity, more: Partial<TlsServerOptions> = {}): TlsServerOptions {
  return { minVersion: 'TLSv1.2', identity: () => identity, ...more };
}

export interface Echo {
  readonly listener: Listener;
  readonly port: number;
  readonly accepted: AcceptedSocket[];
  /** The next one that comes through. */
  next(): Promise<AcceptedSocket>;
}

/** Sends back what it gets. */
export async function echo(t: Test, options: SocketListenOptions): Promise<Echo> {
  const accepted: AcceptedSocket[] = [];
  let waiting: ((one: AcceptedSocket) => void)[] = [];
  const listener = await listenSockets(
    LOOPBACK,
    (one) => {
      accepted.push(one);
      one.socket.on('error', () => undefined);
      one.socket.pipe(one.socket);
      for (const resolve of waiting) resolve(one);
      waiting = [];
    },
    options,
  );
  t.teardown(async () => {
    for (const { raw } of accepted) raw.destroy();
    await listener.close();
  });
  return {
    listener,
    port: listener.address.port,
    accepted,
    next: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

interface At {
  readonly port: number;
}

/** Node's client; certificates are not checked unless the options say so. Rejects when the handshake fails. */
export async function dial(t: Test, { port }: At, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** What comes back through the echo: by then a server that dislikes a certificate has said so. */
export async function ping(socket: Socket, text = 'ping'): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (bytes: Buffer) => resolve(String(bytes)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
  socket.write(text);
  return answer;
}

export async function dialPlain(t: Test, { port }: At): Promise<Socket> {
  const socket = connectPlain({ host: '127.0.0.1', port });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

/** Resolves when the peer has closed it, one way or the other. */
export async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

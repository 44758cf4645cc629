/**
 * TLS over a socket that is there (node:tls): the server's side, from the first octet on or after STARTTLS, and the
 * client's side for the bus. Every handshake has an end: done, failed or too late; what fails costs its connection and
 * is never an uncaught error.
 */
import type { Socket } from 'node:net';
import { connect as startClient, TLSSocket } from 'node:tls';
import { readServerName } from '../../lib/client-hello.ts';
import { isAddress } from '../../lib/ip.ts';
import type { Address, TlsClientOptions, TlsInfo, TlsServerOptions } from '../platform.ts';
import { serverEndPoint } from './end-point.ts';
import { netError } from './errors.ts';
import { readAhead } from './read-ahead.ts';
import type { ServerContext, TlsContexts } from './tls-contexts.ts';

export interface Secured {
  readonly socket: TLSSocket;
  readonly tls: TlsInfo;
}

/** From the first octet of the ClientHello to the end of the handshake. */
export const HANDSHAKE_MS_MAX = 10_000;

/** RFC 9266 section 4.2. */
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';
const EXPORTER_OCTETS = 32;
const NO_CONTEXT = Buffer.alloc(0);

export interface ServerSide {
  /** What the client called, for `identity`. */
  readonly local: Address;
  readonly options: TlsServerOptions;
  readonly contexts: TlsContexts;
  readonly timeoutMs?: number;
}

/**
 * The server's side. Octets that wait in the socket unread are the client's first of TLS; nobody else may be listening
 * to it. Rejects when the handshake fails; the socket is destroyed then.
 */
export async function secureServer(raw: Socket, side: ServerSide): Promise<Secured> {
  const { local, options, contexts, timeoutMs = HANDSHAKE_MS_MAX } = side;
  return within(raw, timeoutMs, local, async () => {
    const hello = await readAhead(raw, readServerName, { take: false });
    const serverName = hello.kind === 'value' ? hello.value : undefined;
    await contexts.turn();
    if (raw.destroyed) throw netError('ECONNRESET', 'handshake', local);
    const { context, endPoint } = contextFor(side, serverName);
    const asksClient = options.clientAuthorities !== undefined;
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      requestCert: asksClient,
      rejectUnauthorized: asksClient,
    });
    await handshake(socket, 'secure', local);
    if (asksClient) requireVerified(socket);
    return { socket, tls: describe(socket, serverName, endPoint) };
  });
}

/** The client's side. Whose certificate it is, the caller finds out: any name will do that the authorities have signed. */
export async function secureClient(
  raw: Socket,
  address: Address,
  options: TlsClientOptions,
  contexts: TlsContexts,
): Promise<Secured> {
  // RFC 6066 section 3: an address is no server name.
  const serverName = isAddress(address.host) ? undefined : address.host;
  try {
    const socket = startClient({
      socket: raw,
      secureContext: contexts.client(options.identity?.(), {
        minVersion: options.minVersion,
        authorities: options.authorities(),
      }),
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
    await handshake(socket, 'secureConnect', address);
    const server = socket.getPeerX509Certificate()?.raw;
    return { socket, tls: describe(socket, serverName, server && serverEndPoint(server)) };
  } catch (error) {
    raw.destroy();
    throw error;
  }
}

/** Our own certificate, key or ticket keys cannot be used: no fault of the peer. */
export class Unpresentable extends Error {}

function contextFor({ local, options, contexts }: ServerSide, serverName: string | undefined): ServerContext {
  try {
    return contexts.server(options.identity(serverName, local), {
      minVersion: options.minVersion,
      ticketKeys: options.ticketKeys?.(),
      clientAuthorities: options.clientAuthorities?.(),
    });
  } catch (cause) {
    const name = serverName ?? `${local.host}:${local.port}`;
    throw new Unpresentable(`no usable certificate for ${name}`, { cause });
  }
}

async function within<T>(
  raw: Socket,
  timeoutMs: number,
  address: Address,
  work: () => Promise<T>,
): Promise<T> {
  // Stays: what the socket says between one listener of ours and the next must not end the process.
  raw.on('error', () => undefined);
  const timer = setTimeout(() => raw.destroy(netError('ETIMEDOUT', 'handshake', address)), timeoutMs);
  try {
    return await work();
  } catch (error) {
    raw.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when it is done. From then on an error of TLS drops the connection, as RFC 8446 section 6.2 asks. */
function handshake(socket: TLSSocket, done: 'secure' | 'secureConnect', address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      reject(error);
      socket.destroy(error);
    };
    // Without a tls.Server node:tls tells what is wrong with the records by this event alone.
    socket.on('_tlsError', onError);
    socket.on('error', onError);
    socket.once('close', () => reject(netError('ECONNRESET', 'handshake', address)));
    socket.once(done, () => resolve());
  });
}

/**
 * OpenSSL is told by node:tls to finish a handshake whatever it thinks of the client's certificate; what it thought is
 * asked for afterwards. `tls.Server` does the same by the same call.
 */
function requireVerified(socket: TLSSocket): void {
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { verifyError?: () => Error | null | undefined };
  };
  if (handle?.verifyError === undefined) throw new Error('the certificate of the client was not checked');
  const error = handle.verifyError();
  if (error) throw error;
}

function describe(socket: TLSSocket, serverName: string | undefined, endPoint: Buffer | undefined): TlsInfo {
  const protocol = socket.getProtocol() ?? '';
  return {
    protocol,
    cipher: socket.getCipher().standardName,
    serverName,
    peerCertificate: socket.getPeerX509Certificate()?.raw,
    serverEndPoint: endPoint,
    exporter:
      protocol === 'TLSv1.3'
        ? socket.exportKeyingMaterial(EXPORTER_OCTETS, EXPORTER_LABEL, NO_CONTEXT)
        : undefined,
  };
}

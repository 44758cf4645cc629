/**
 * TLS as far as the nets in memory and in the simulation have it: no octet is hidden and no signature made, but each side
 * is told whom it talks to. `peerCertificate` holds the octets of the other side's `identity().chain`.
 */
import { createHash } from 'node:crypto';
import type {
  Address,
  ConnectOptions,
  ListenOptions,
  TlsIdentity,
  TlsInfo,
} from '../../src/platform/platform.ts';

export interface BothTls {
  readonly client: TlsInfo | undefined;
  readonly server: TlsInfo | undefined;
}

/** What both sides agree on; undefined when a handshake would fail: only one side speaks TLS, or a certificate is wanted and not there. */
export function agreeOnTls(
  listening: Pick<ListenOptions, 'tls'>,
  dialling: Pick<ConnectOptions, 'tls'>,
  { from, to }: { readonly from: Address; readonly to: Address },
): BothTls | undefined {
  const [server, client] = [listening.tls, dialling.tls];
  if (server === undefined && client === undefined) return { client: undefined, server: undefined };
  if (server === undefined || client === undefined) return undefined;
  const shown = client.identity?.();
  const isAsked = server.clientAuthorities !== undefined;
  if (isAsked && shown === undefined) return undefined;
  const certificate = octetsOf(server.identity(undefined, to));
  const common = {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    serverName: undefined,
    serverEndPoint: hash(certificate),
    exporter: hash(`${from.host} ${from.port} ${to.host} ${to.port}`),
  };
  return {
    client: { ...common, peerCertificate: certificate },
    server: { ...common, peerCertificate: isAsked && shown !== undefined ? octetsOf(shown) : undefined },
  };
}

function octetsOf(identity: TlsIdentity): Buffer {
  return Buffer.from(identity.chain);
}

function hash(data: Buffer | string): Buffer {
  return createHash('sha256').update(data).digest();
}

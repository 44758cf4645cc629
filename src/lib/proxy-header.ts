/**
 * The PROXY protocol (haproxy's proxy-protocol.txt), both versions: what a balancer sends first on a connection to say
 * between which addresses the client's own connection runs. A function on the octets so far. Additional fields of
 * version 2 (TLV) are skipped, checksums too.
 */
import { type Endpoint, formatAddress, isIPv4, isIPv6, PORT_MAX, plainAddress } from './ip.ts';
import type { Step } from './step.ts';

export type ProxyHeader =
  | { readonly kind: 'proxied'; readonly source: Endpoint; readonly destination: Endpoint }
  /** UNKNOWN, LOCAL (a balancer's health check) or a family that is not TCP: the socket's own addresses count. */
  | { readonly kind: 'own' };

/** Section 2.1: a line of version 1 with its CRLF. */
export const PROXY_V1_OCTETS_MAX = 107;
/** What we take of version 2: addresses and fields such as a client's certificate. */
export const PROXY_V2_OCTETS_MAX = 16 + 8192;

const SIGNATURE_V1 = Buffer.from('PROXY ');
const SIGNATURE_V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const FIXED_V2_OCTETS = 16;
const LF = 0x0a;
const CR = 0x0d;

/** The header at the beginning of `bytes`; `next` is where the client's own octets begin. */
export function readProxyHeader(bytes: Buffer): Step<ProxyHeader> {
  if (startsLike(bytes, SIGNATURE_V2)) return readV2(bytes);
  if (startsLike(bytes, SIGNATURE_V1)) return readV1(bytes);
  return { kind: 'bad', why: 'no PROXY header' };
}

/** Version and command. */
const Command = { Local: 0x20, Proxy: 0x21 } as const;
/** Address family and transport: over TCP. */
const Family = { Inet: 0x11, Inet6: 0x21 } as const;
/** Known are unspecified, IPv4, IPv6, UNIX; and unspecified, stream, datagram. "Receivers must reject" others. */
const FAMILY_MAX = 3;
const TRANSPORT_MAX = 2;
const BLOCK_OCTETS = { [Family.Inet]: 12, [Family.Inet6]: 36 } as const;

/** Whether what is there of the signature is right. */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const octets = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, octets, 0, octets) === 0;
}

function readV1(bytes: Buffer): Step<ProxyHeader> {
  const lf = bytes.subarray(0, PROXY_V1_OCTETS_MAX).indexOf(LF);
  if (lf < 0)
    return bytes.length < PROXY_V1_OCTETS_MAX
      ? { kind: 'more' }
      : { kind: 'bad', why: 'PROXY line too long' };
  if (bytes[lf - 1] !== CR) return { kind: 'bad', why: 'PROXY line ends with a bare LF' };
  const words = bytes.toString('latin1', 0, lf - 1).split(' ');
  const next = lf + 1;
  // "the receiver must ignore anything presented before the CRLF" behind UNKNOWN.
  if (words[1] === 'UNKNOWN') return { kind: 'value', value: { kind: 'own' }, next };
  const [, family, sourceHost = '', destinationHost = '', sourcePort, destinationPort] = words;
  const isFamily = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  const ports = [portOf(sourcePort), portOf(destinationPort)] as const;
  if (
    words.length !== 6 ||
    isFamily === undefined ||
    !isFamily(sourceHost) ||
    !isFamily(destinationHost) ||
    ports[0] === undefined ||
    ports[1] === undefined
  )
    return { kind: 'bad', why: 'PROXY line makes no sense' };
  const source = { host: plainAddress(sourceHost), port: ports[0] };
  const destination = { host: plainAddress(destinationHost), port: ports[1] };
  return { kind: 'value', value: { kind: 'proxied', source, destination }, next };
}

/** Decimal without leading zeros. */
function portOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  return Number(text) <= PORT_MAX ? Number(text) : undefined;
}

function readV2(bytes: Buffer): Step<ProxyHeader> {
  if (bytes.length < FIXED_V2_OCTETS) return { kind: 'more' };
  const command = bytes[12]!;
  const family = bytes[13]!;
  const next = FIXED_V2_OCTETS + bytes.readUInt16BE(14);
  if (command !== Command.Local && command !== Command.Proxy)
    return { kind: 'bad', why: 'PROXY version or command unknown' };
  if (next > PROXY_V2_OCTETS_MAX) return { kind: 'bad', why: 'PROXY header too long' };
  if (bytes.length < next) return { kind: 'more' };
  // "the receiver must accept this connection as valid and must use the real connection endpoints".
  if (command === Command.Local) return { kind: 'value', value: { kind: 'own' }, next };
  if (family >> 4 > FAMILY_MAX || (family & 15) > TRANSPORT_MAX)
    return { kind: 'bad', why: 'PROXY address family unknown' };
  if (family !== Family.Inet && family !== Family.Inet6)
    return { kind: 'value', value: { kind: 'own' }, next };
  const block = bytes.subarray(FIXED_V2_OCTETS, next);
  if (block.length < BLOCK_OCTETS[family]) return { kind: 'bad', why: 'PROXY addresses cut short' };
  const octets = family === Family.Inet ? 4 : 16;
  const host = (from: number): string => {
    const value = BigInt(`0x${block.toString('hex', from, from + octets)}`);
    return plainAddress(formatAddress({ family: family === Family.Inet ? 4 : 6, value }));
  };
  const source = { host: host(0), port: block.readUInt16BE(2 * octets) };
  const destination = { host: host(octets), port: block.readUInt16BE(2 * octets + 2) };
  return { kind: 'value', value: { kind: 'proxied', source, destination }, next };
}

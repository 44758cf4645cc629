/** What a balancer says first on its connections: PROXY headers of both versions (haproxy's proxy-protocol.txt). */
import { isIPv4, parseAddress } from '../../src/lib/ip.ts';
import type { Address } from '../../src/platform/platform.ts';

interface Ends {
  readonly source: Address;
  readonly destination: Address;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** Section 2.1. */
export function formatProxyV1({ source, destination }: Ends): Buffer {
  const family = isIPv4(source.host) ? 'TCP4' : 'TCP6';
  return Buffer.from(
    `PROXY ${family} ${source.host} ${destination.host} ${source.port} ${destination.port}\r\n`,
  );
}

/** Section 2.2; `fields` are TLVs as they are. Without addresses it is LOCAL. */
export function formatProxyV2(ends?: Ends, fields: Buffer = Buffer.alloc(0)): Buffer {
  const block = ends === undefined ? Buffer.alloc(0) : addresses(ends);
  const family = block.length === 0 ? 0 : block.length === 12 ? 0x11 : 0x21;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(block.length + fields.length);
  return Buffer.concat([
    SIGNATURE,
    Buffer.from([ends === undefined ? 0x20 : 0x21, family]),
    length,
    block,
    fields,
  ]);
}

function addresses({ source, destination }: Ends): Buffer {
  const hosts = [source.host, destination.host].map(parseAddress);
  const isInet = hosts.every((host) => host?.family === 4);
  const octets = isInet ? 4 : 16;
  const block = Buffer.alloc(2 * octets + 4);
  for (const [index, host] of hosts.entries()) {
    if (host === undefined) throw new TypeError('PROXY needs addresses');
    // An IPv4 address beside an IPv6 one is written mapped.
    const value = host.family === 4 && !isInet ? host.value | 0xffff_0000_0000n : host.value;
    block.write(value.toString(16).padStart(2 * octets, '0'), index * octets, 'hex');
  }
  block.writeUInt16BE(source.port, 2 * octets);
  block.writeUInt16BE(destination.port, 2 * octets + 2);
  return block;
}

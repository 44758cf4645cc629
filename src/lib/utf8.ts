/** Octets as text, when they are UTF-8 (RFC 3629) to the last one; undefined when not. A byte order mark stays. */
import { isUtf8 } from 'node:buffer';

export function decodeUtf8(octets: Uint8Array): string | undefined {
  if (!isUtf8(octets)) return undefined;
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('utf8');
}

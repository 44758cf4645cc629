/** Octets as text, when they are UTF-8 (RFC 3629) to the last one; undefined when not. A byte order mark stays. */
export function decodeUtf8(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}

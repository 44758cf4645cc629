/** Literal IP addresses and `address:port` as text. Pure: names are never looked up here. */

/** Four decimal octets (RFC 6943 section 3.1.1, the strict form). */
export function isIPv4(text: string): boolean {
  return IPV4.test(text);
}

/** RFC 4291 section 2.2, without a zone. */
export function isIPv6(text: string): boolean {
  // The URL parser keeps to the same grammar; the character test keeps everything else of a URL out.
  return /^[0-9a-fA-F:.]{2,45}$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}

export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}

/** `192.0.2.1:25` or `[2001:db8::1]:25` (RFC 3986 section 3.2.2); undefined when it is neither. Ports 0 to 65535. */
export function parseEndpoint(text: string): { readonly host: string; readonly port: number } | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, v6, v4, digits] = found;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (v6 !== undefined) return isIPv6(v6) ? { host: v6, port } : undefined;
  return v4 !== undefined && isIPv4(v4) ? { host: v4, port } : undefined;
}

/** The other way. */
export function formatEndpoint(address: { readonly host: string; readonly port: number }): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** 127.0.0.0/8 (RFC 6890), ::1, and the former mapped into IPv6. */
export function isLoopback(host: string): boolean {
  const address = host.toLowerCase().replace(/^::ffff:/, '');
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

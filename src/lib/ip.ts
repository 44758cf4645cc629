/** Literal IP addresses and `address:port` as text and as numbers. Pure: names are never looked up here. */

/** An address as a number of its family. IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address. */
export interface IpNumber {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** What one listens on or dials. The shape of the platform's Address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Four decimal octets (RFC 6943 section 3.1.1, the strict form). */
export function isIPv4(text: string): boolean {
  return IPV4.test(text);
}

/** RFC 4291 section 2.2, without a zone. */
export function isIPv6(text: string): boolean {
  return parseIPv6(text) !== undefined;
}

export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}

/** Undefined when it is no address; a zone (RFC 4007 section 11) is no part of one. */
export function parseAddress(text: string): IpNumber | undefined {
  if (isIPv4(text)) return { family: 4, value: BigInt(parseIPv4(text)) };
  const value = parseIPv6(text);
  if (value === undefined) return undefined;
  return value >> 32n === MAPPED_PREFIX ? { family: 4, value: value & IPV4_MASK } : { family: 6, value };
}

/** As people write it: IPv6 by RFC 5952. `parseAddress` reads it again. */
export function formatAddress({ family, value }: IpNumber): string {
  return family === 4 ? formatIPv4(value) : formatIPv6(value);
}

/**
 * One way of writing for one address, so that counters and lists know it again: lower case, shortened, IPv4 in its own
 * form, without a zone. What is no address comes back as it is.
 */
export function plainAddress(host: string): string {
  // Nearly every call: sockets for IPv4 write it like this already.
  if (isIPv4(host)) return host;
  const address = parseAddress(withoutZone(host));
  return address === undefined ? host : formatAddress(address);
}

/** RFC 4007 section 11: `fe80::1%eth0` without what names the interface. */
export function withoutZone(host: string): string {
  const percent = host.indexOf('%');
  return percent < 0 ? host : host.slice(0, percent);
}

/** `192.0.2.1:25` or `[2001:db8::1]:25` (RFC 3986 section 3.2.2); undefined when it is neither. Ports 0 to 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const [, v6, v4, digits] = found;
  const port = Number(digits);
  if (port > PORT_MAX) return undefined;
  if (v6 !== undefined) return isIPv6(v6) ? { host: v6, port } : undefined;
  return v4 !== undefined && isIPv4(v4) ? { host: v4, port } : undefined;
}

/** The other way. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** 127.0.0.0/8 (RFC 6890), ::1, and the former mapped into IPv6. */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return false;
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}

/** 0.0.0.0 or `::`: every address of this machine where one listens. */
export function isUnspecified(host: string): boolean {
  return parseAddress(host)?.value === 0n;
}

export const PORT_MAX = 65_535;

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const IPV4_MASK = 0xffff_ffffn;
/** The upper 96 bits of ::ffff:0:0/96. */
const MAPPED_PREFIX = 0xffffn;
const GROUPS = 8;
/** The longest way of writing: six groups and dotted octets. */
const IPV6_LENGTH_MAX = 45;

function parseIPv4(text: string): number {
  return text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
}

function parseIPv6(text: string): bigint | undefined {
  if (text.length > IPV6_LENGTH_MAX) return undefined;
  const gap = text.indexOf('::');
  const before = groups(gap < 0 ? text : text.slice(0, gap), gap < 0);
  const after = gap < 0 ? [] : groups(text.slice(gap + 2), true);
  if (before === undefined || after === undefined) return undefined;
  const absent = GROUPS - before.length - after.length;
  // RFC 4291 section 2.2: "::" stands for one or more groups.
  if (gap < 0 ? absent !== 0 : absent < 1) return undefined;
  const number = (some: readonly number[]) => some.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  return (number(before) << BigInt(16 * (GROUPS - before.length))) | number(after);
}

/** The groups of one side of `::`; the last may be dotted octets and is two groups then. */
function groups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const found: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (GROUP.test(part)) found.push(Number.parseInt(part, 16));
    else if (isLast && index === parts.length - 1 && isIPv4(part)) {
      const octets = parseIPv4(part);
      found.push(Math.floor(octets / 65_536), octets % 65_536);
    } else return undefined;
  }
  return found;
}

function formatIPv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
}

/** RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIPv6(value: bigint): string {
  const hex = Array.from({ length: GROUPS }, (_, index) =>
    ((value >> BigInt(16 * (GROUPS - 1 - index))) & 0xffffn).toString(16),
  );
  let longest = { from: 0, length: 1 };
  for (let from = 0; from < GROUPS; from++) {
    let length = 0;
    while (hex[from + length] === '0') length++;
    if (length > longest.length) longest = { from, length };
  }
  if (longest.length < 2) return hex.join(':');
  return `${hex.slice(0, longest.from).join(':')}::${hex.slice(longest.from + longest.length).join(':')}`;
}

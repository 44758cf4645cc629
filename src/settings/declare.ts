/**
 * The types a setting can have. A type reads the value that a settings file holds, writes it back in the form people
 * use, and says in words what is allowed: parser, messages and manual come from this one place.
 */

import { format } from '../lib/dictionary/format.ts';
import { type AddressValue, isArray, isDictionary, type Value } from '../lib/dictionary/value.ts';
import {
  type Endpoint,
  formatAddress,
  formatEndpoint,
  type IpNumber,
  isAddress,
  parseAddress,
  parseEndpoint,
  plainAddress,
} from '../lib/ip.ts';
import { type Networks, parseNetworks } from '../lib/networks.ts';

/** A type of setting; `T` is what the program gets. */
export interface Type<T> {
  /** Completes "give …". */
  readonly allowed: string;
  /** Undefined when the value is not allowed. */
  read(value: Value): T | undefined;
  /** `read(write(x))` is x. */
  write(value: T): Value;
}

/** One setting, declared once. */
export interface Setting<T> {
  readonly type: Type<T>;
  readonly default: T;
  /** For the manual; one or two sentences. */
  readonly description: string;
}

export function setting<T>(type: Type<T>, fallback: T, description: string): Setting<T> {
  return { type, default: fallback, description };
}

/** The sections of a manual page in Markdown, one a setting. */
export function describeEach(settings: Readonly<Record<string, Setting<unknown>>>): readonly string[] {
  return Object.entries(settings).map(([key, { type, default: fallback, description }]) => {
    const shown = fallback === undefined ? 'none' : `\`${format(type.write(fallback))}\``;
    return `### ${key}\n\n${description}\n\nAllowed: ${type.allowed}. Default: ${shown}.\n`;
  });
}

/** A string that matches a pattern as a whole. */
export function text(pattern: RegExp, allowed: string): Type<string> {
  return {
    allowed,
    read: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined),
    write: (value) => value,
  };
}

/** A whole number within a range, as `12` or `#12`. */
export function integer(min: number, max: number): Type<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    read: (value) => within(min, max, digits(value)),
    write: (value) => String(value),
  };
}

const DURATIONS: Units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** A time span in milliseconds, as `150ms`, `2s`, `5m`, `1h`, `7d`. */
export function duration(minMs: number, maxMs: number): Type<number> {
  return {
    allowed: `a time from ${withUnit(DURATIONS, minMs)} to ${withUnit(DURATIONS, maxMs)}, such as 150ms, 2s, 5m, 1h or 7d`,
    read: (value) => within(minMs, maxMs, unitsOf(DURATIONS, value)),
    write: (value) => withUnit(DURATIONS, value),
  };
}

const SIZES: Units = [
  ['G', 2 ** 30],
  ['M', 2 ** 20],
  ['K', 2 ** 10],
  ['', 1],
];

/** A number of octets, as `500`, `64K`, `32M`, `1G`. */
export function size(minOctets: number, maxOctets: number): Type<number> {
  return {
    allowed: `a size from ${withUnit(SIZES, minOctets)} to ${withUnit(SIZES, maxOctets)}, such as 64K, 32M or 1G`,
    read: (value) => within(minOctets, maxOctets, unitsOf(SIZES, value)),
    write: (value) => withUnit(SIZES, value),
  };
}

/** One of some words, in any case. */
export function oneOf<T extends string>(words: readonly T[]): Type<T> {
  return {
    allowed: `one of ${words.join(', ')}`,
    read: (value) =>
      typeof value === 'string'
        ? words.find((word) => word.toLowerCase() === value.toLowerCase())
        : undefined,
    write: (value) => value,
  };
}

/** `ip:port`; a name is refused, as nothing that the cluster rests on may wait for DNS. */
export const endpoint: Type<Endpoint> = {
  allowed: 'an address and port such as 192.0.2.1:7600 or "[2001:db8::1]:7600"',
  read: readEndpoint,
  write: formatEndpoint,
};

/** Where to listen: `ip:port`, a list of them (a machine has several addresses), or `off`, which is the empty list. */
export const listener: Type<readonly Endpoint[]> = {
  allowed:
    'an address and port such as 192.0.2.1:25, "0.0.0.0:25" or "[::]:25", a list of at most 64 of these, or off',
  read: (value) => {
    if (typeof value === 'string' && value.toLowerCase() === 'off') return [];
    const wanted = isArray(value) ? value : [value];
    return wanted.length > LISTEN_MAX ? undefined : all(wanted.map(readEndpoint));
  },
  write: (value) => {
    const [first, ...more] = value.map(formatEndpoint);
    return first === undefined ? 'off' : more.length === 0 ? first : [first, ...more];
  },
};

/** Addresses that one listener may have. */
const LISTEN_MAX = 64;

/** A literal IP address. */
export const ip: Type<string> = {
  allowed: 'an IP address such as 192.0.2.1 or "2001:db8::1"',
  read: (value) => readIp(value),
  write: (value) => value,
};

/** What a type of texts allows, or `""`. */
export function orNone(type: Type<string>): Type<string> {
  return {
    allowed: `${type.allowed}, or ""`,
    read: (value) => (value === '' ? '' : type.read(value)),
    write: (value) => type.write(value),
  };
}

/** Addresses, networks and ranges, in a list, or one string with commas, as forms send it. */
export const networks: Type<Networks> = {
  allowed:
    'a list of addresses, networks and ranges such as (192.0.2.1, "198.51.100.0/24", "2001:db8::/32", "192.0.2.5-192.0.2.9")',
  read: (value) => {
    if (typeof value === 'string') return parseNetworks(value);
    const entries = isArray(value) ? value : [value];
    const texts = all(entries.map((each) => (typeof each === 'string' ? each : readIp(each))));
    return texts && parseNetworks(texts);
  },
  write: (value) => value.entries,
};

/** Most entries of a map of addresses. */
const ADDRESS_MAP_MAX = 256;

/** Another address for some addresses: `{ "10.0.0.5" = "203.0.113.5"; }`. Keys in their one form. */
export const addressMap: Type<ReadonlyMap<string, string>> = {
  allowed: `a dictionary of at most ${ADDRESS_MAP_MAX} pairs of IP addresses such as { "10.0.0.5" = "203.0.113.5"; }`,
  read: (value) => {
    if (!isDictionary(value) || value.size > ADDRESS_MAP_MAX) return undefined;
    const [from, to] = [all([...value.keys()].map(readIp)), all([...value.values()].map(readIp))];
    if (from === undefined || to === undefined) return undefined;
    const map = new Map(from.map((key, index) => [key, to[index]!]));
    return map.size === value.size ? map : undefined;
  },
  write: (value) => new Map(value),
};

/** Most entries of a list of addresses. */
const ENDPOINTS_MAX = 256;

/** `("192.0.2.1:7600", …)` */
export const endpoints: Type<readonly Endpoint[]> = {
  allowed: `a list of at most ${ENDPOINTS_MAX} addresses such as (192.0.2.1:7600, 192.0.2.2:7600)`,
  read: (value) => {
    if (!isArray(value) || value.length > ENDPOINTS_MAX) return undefined;
    return all(value.map(readEndpoint));
  },
  write: (value) => value.map(formatEndpoint),
};

/** Most addresses of one domain. */
const DOMAIN_ADDRESSES_MAX = 64;

/**
 * Addresses that belong to a domain, each once and in canonical form: `(192.0.2.1, "2001:db8::1")`, or one string with
 * commas, as forms send it.
 */
export const domainAddresses: Type<readonly string[]> = {
  allowed:
    `a list of at most ${DOMAIN_ADDRESSES_MAX} IP addresses such as (192.0.2.1, "2001:db8::1"); not 127.0.0.1 or ::1, ` +
    'where administrators log in, and no wildcard',
  read: (value) => {
    const items = typeof value === 'string' ? value.split(',').filter((each) => each.trim() !== '') : value;
    if (!isArray(items) || items.length > DOMAIN_ADDRESSES_MAX) return undefined;
    const read = all(items.map(readDomainAddress));
    return read && [...new Set(read)];
  },
  write: (value) => value,
};

function readDomainAddress(value: Value): string | undefined {
  const text = hostOf(value)?.trim();
  const address = text === undefined ? undefined : parseAddress(text);
  return address !== undefined && canBelongToDomain(address) ? formatAddress(address) : undefined;
}

/**
 * No wildcard, multicast, broadcast or link-local address, and neither of the two loopback addresses on which
 * administrators log in by an unqualified name.
 */
function canBelongToDomain({ family, value }: IpNumber): boolean {
  if (family === 6) return value > 1n && value >> 120n !== 0xffn && value >> 118n !== LINK_LOCAL >> 118n;
  const first = value >> 24n;
  return value !== LOOPBACK && first !== 0n && first < 224n;
}

/** fe80::/10, RFC 4291 section 2.5.6. */
const LINK_LOCAL = 0xfe80n << 112n;
/** 127.0.0.1 */
const LOOPBACK = 0x7f00_0001n;

/** `#I[192.0.2.1]`, with or without a port. */
function addressIn(value: Value): AddressValue | undefined {
  if (value === null || typeof value !== 'object' || isArray(value) || isDictionary(value)) return undefined;
  return Buffer.isBuffer(value) || value.kind !== 'address' ? undefined : value;
}

/** An IP address in a text, or as `#I[192.0.2.1]` without a port. */
function hostOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  const address = addressIn(value);
  return address?.port === undefined ? address?.host : undefined;
}

/** Octets as a datablock `[base64]`, or text that stands for them, such as PEM. `what` completes "give …". */
export function octetsOrText(octetsMax: number, what: string): Type<Buffer | string> {
  return {
    allowed: `${what}, at most ${withUnit(SIZES, octetsMax)} octets`,
    read: (value) => {
      const isEither = typeof value === 'string' || Buffer.isBuffer(value);
      return isEither && value.length > 0 && Buffer.byteLength(value) <= octetsMax ? value : undefined;
    },
    write: (value) => value,
  };
}

type Units = readonly (readonly [unit: string, factor: number])[];

/** Undefined when one of them is. */
function all<T>(values: readonly (T | undefined)[]): readonly T[] | undefined {
  return values.includes(undefined) ? undefined : (values as readonly T[]);
}

/** In its one form (`plainAddress`), so that it can be compared. */
function readIp(value: Value): string | undefined {
  const host = hostOf(value);
  return host !== undefined && isAddress(host) ? plainAddress(host) : undefined;
}

function readEndpoint(value: Value): Endpoint | undefined {
  if (typeof value === 'string') return parseEndpoint(value);
  const address = addressIn(value);
  return address?.port === undefined ? undefined : { host: address.host, port: address.port };
}

function digits(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function unitsOf(units: Units, value: Value): number | undefined {
  const found = typeof value === 'string' ? /^(\d{1,12})([a-z]*)$/i.exec(value) : null;
  const unit = units.find(([name]) => name.toLowerCase() === found?.[2]?.toLowerCase());
  return found === null || unit === undefined ? undefined : Number(found[1]) * unit[1];
}

/** With the largest unit that needs no fraction. */
function withUnit(units: Units, value: number): string {
  const [name, factor] = units.find(([, factor]) => value >= factor && value % factor === 0) ??
    units.at(-1) ?? ['', 1];
  return `${value / factor}${name}`;
}

function within(min: number, max: number, value: number | undefined): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/**
 * The types a setting can have. A type reads the value that a settings file holds, writes it back in the form people
 * use, and says in words what is allowed: parser, messages and manual come from this one place.
 */

import { isArray, isDictionary, type Value } from '../lib/dictionary/value.ts';
import { formatEndpoint, parseEndpoint } from '../lib/ip.ts';

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

/** `host:port` of something to listen on or to dial. The shape of the platform's Address. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export function setting<T>(type: Type<T>, fallback: T, description: string): Setting<T> {
  return { type, default: fallback, description };
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

/** YES or NO, in any case. */
export const yesNo: Type<boolean> = {
  allowed: 'YES or NO',
  read: (value) => {
    const word = typeof value === 'string' ? value.toUpperCase() : undefined;
    return word === 'YES' ? true : word === 'NO' ? false : undefined;
  },
  write: (value) => (value ? 'YES' : 'NO'),
};

/** `ip:port`; a name is refused, as nothing that the cluster rests on may wait for DNS. */
export const endpoint: Type<Endpoint> = {
  allowed: 'an address and port such as 192.0.2.1:7600 or "[2001:db8::1]:7600"',
  read: readEndpoint,
  write: formatEndpoint,
};

/** `ip:port`, or `off`. */
export const listener: Type<Endpoint | 'off'> = {
  allowed: 'an address and port such as 192.0.2.1:25, "0.0.0.0:25" or "[::]:25", or off',
  read: (value) => (typeof value === 'string' && value.toLowerCase() === 'off' ? 'off' : readEndpoint(value)),
  write: (value) => (value === 'off' ? 'off' : formatEndpoint(value)),
};

/** Most entries of a list of addresses. */
const ENDPOINTS_MAX = 256;

/** `("192.0.2.1:7600", …)` */
export const endpoints: Type<readonly Endpoint[]> = {
  allowed: `a list of at most ${ENDPOINTS_MAX} addresses such as (192.0.2.1:7600, 192.0.2.2:7600)`,
  read: (value) => {
    if (!isArray(value) || value.length > ENDPOINTS_MAX) return undefined;
    const read = value.map(readEndpoint);
    return read.includes(undefined) ? undefined : (read as readonly Endpoint[]);
  },
  write: (value) => value.map(formatEndpoint),
};

type Units = readonly (readonly [unit: string, factor: number])[];

function readEndpoint(value: Value): Endpoint | undefined {
  if (typeof value === 'string') return parseEndpoint(value);
  if (value === null || typeof value !== 'object' || isArray(value) || isDictionary(value)) return undefined;
  if (Buffer.isBuffer(value) || value.kind !== 'address' || value.port === undefined) return undefined;
  return { host: value.host, port: value.port };
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

/**
 * Sets of IP addresses as administrators write them: single addresses, networks with a mask (RFC 4632 section 3.1,
 * RFC 4291 section 2.3), ranges `first-last`, and `!` before any of these to take it out of what the lines before it
 * say, as CommuniGate's network address lists have it.
 */
import { firstNot } from './ascending.ts';
import { type IpNumber, parseAddress, withoutZone } from './ip.ts';

export interface Networks {
  /** What it was made of, one text each, without comments. */
  readonly entries: readonly string[];
  /** IPv4 mapped into IPv6 is the IPv4 address; a zone is ignored; what is no address is in no network. */
  contains(host: string): boolean;
}

/** Entries of one list. */
export const NETWORKS_MAX = 10_000;

/**
 * A list of entries, or one text with an entry in each line or between commas and comments behind `;`. Undefined when an
 * entry makes no sense, also where bits below a mask are set: `192.0.2.1/24` is a slip of somebody's finger.
 */
export function parseNetworks(list: string | readonly string[]): Networks | undefined {
  const entries = typeof list === 'string' ? entriesOf(list) : list.map((entry) => entry.trim());
  if (entries.length > NETWORKS_MAX) return undefined;
  const spans: { readonly [family in IpNumber['family']]: Spans } = { 4: new Spans(), 6: new Spans() };
  for (const entry of entries) {
    const excluded = entry.startsWith('!');
    const range = parseRange(excluded ? entry.slice(1).trim() : entry);
    if (range === undefined) return undefined;
    if (excluded) spans[range.family].remove(range.first, range.last);
    else spans[range.family].add(range.first, range.last);
  }
  return {
    entries,
    contains: (host) => {
      const address = parseAddress(withoutZone(host));
      return address !== undefined && spans[address.family].has(address.value);
    },
  };
}

/** Contains nothing. */
export const noNetworks: Networks = Object.freeze({ entries: Object.freeze([]), contains: () => false });

interface Range {
  readonly family: IpNumber['family'];
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

function entriesOf(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .flatMap((line) => line.replace(/;.*$/, '').split(','))
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function parseRange(text: string): Range | undefined {
  const masked = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (masked !== null) return parseMasked(masked[1]!, Number(masked[2]));
  const [from, to, ...more] = text.split('-').map((part) => parseAddress(part.trim()));
  if (from === undefined || more.length > 0) return undefined;
  const last = text.includes('-') ? to : from;
  if (last === undefined || last.family !== from.family || last.value < from.value) return undefined;
  return { family: from.family, first: from.value, last: last.value };
}

function parseMasked(text: string, mask: number): Range | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const { family, value: first } = address;
  // `::ffff:192.0.2.0/120` says /24 of the IPv4 address in it.
  const length = family === 4 && text.includes(':') ? mask - (BITS[6] - BITS[4]) : mask;
  if (length < 0 || length > BITS[family]) return undefined;
  const size = 1n << BigInt(BITS[family] - length);
  return (first & (size - 1n)) === 0n ? { family, first, last: first + size - 1n } : undefined;
}

/** Disjoint spans of numbers in ascending order, both ends included. */
class Spans {
  readonly #firsts: bigint[] = [];
  readonly #lasts: bigint[] = [];

  add(first: bigint, last: bigint): void {
    const from = this.#indexOf(first);
    let to = from;
    while (to < this.#firsts.length && this.#firsts[to]! <= last) to++;
    const low = to > from && this.#firsts[from]! < first ? this.#firsts[from]! : first;
    const high = to > from && this.#lasts[to - 1]! > last ? this.#lasts[to - 1]! : last;
    this.#firsts.splice(from, to - from, low);
    this.#lasts.splice(from, to - from, high);
  }

  remove(first: bigint, last: bigint): void {
    const from = this.#indexOf(first);
    let to = from;
    while (to < this.#firsts.length && this.#firsts[to]! <= last) to++;
    if (to === from) return;
    const left = this.#firsts[from]! < first ? [[this.#firsts[from]!, first - 1n] as const] : [];
    const right = this.#lasts[to - 1]! > last ? [[last + 1n, this.#lasts[to - 1]!] as const] : [];
    const kept = [...left, ...right];
    this.#firsts.splice(from, to - from, ...kept.map(([low]) => low));
    this.#lasts.splice(from, to - from, ...kept.map(([, high]) => high));
  }

  has(value: bigint): boolean {
    const index = this.#indexOf(value);
    return index < this.#firsts.length && this.#firsts[index]! <= value;
  }

  /** Of the first span that ends at `value` or above. */
  #indexOf(value: bigint): number {
    return firstNot(0, this.#lasts.length, (index) => this.#lasts[index]! < value);
  }
}

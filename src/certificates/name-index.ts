/**
 * Names of certificates to whatever shows them. A handshake costs two looks into a map, however many domains there are.
 *
 * Where several domains have a certificate for a name, exactly or by a wildcard, the domain that the name is of goes before
 * others, the longest first; among equals an exact name, then the oldest domain. So nobody takes a name of another domain by naming it in a certificate,
 * as long as that domain has one, and the choice does not depend on the order of changes.
 */
import type { DomainId } from '../store/ids.ts';
import { hostName, wildcardOf } from './names.ts';

export interface Named {
  readonly id: DomainId;
  /** Of the domain. */
  readonly domain: string;
  /** Of its certificate: DNS names, also `*.` ones, and IP addresses. */
  readonly names: readonly string[];
}

export class NameIndex<T extends Named> {
  /** Best first; hardly ever more than one. */
  readonly #byName = new Map<string, readonly T[]>();

  add(entry: T): void {
    for (const name of entry.names) {
      const all = [...(this.#byName.get(name) ?? []), entry];
      this.#byName.set(name, all.length === 1 ? all : all.sort((a, b) => compare(name, a, b)));
    }
  }

  /** The very entry that was added. */
  remove(entry: T): void {
    for (const name of entry.names) {
      const left = (this.#byName.get(name) ?? []).filter((each) => each !== entry);
      if (left.length === 0) this.#byName.delete(name);
      else this.#byName.set(name, left);
    }
  }

  /** By the name that a client asks for (SNI), exactly or by the wildcard that fits (RFC 9525 section 6.3). */
  find(serverName: string): T | undefined {
    const host = hostName(serverName);
    if (host === undefined) return undefined;
    const exact = this.findExactly(host);
    const wildcard = this.findExactly(wildcardOf(host) ?? '');
    if (exact === undefined || wildcard === undefined) return exact ?? wildcard;
    return claim(host, wildcard) > claim(host, exact) ? wildcard : exact;
  }

  /** By a name as certificates have it, or an IP address in canonical form (RFC 9525 section 6.5). */
  findExactly(name: string): T | undefined {
    return this.#byName.get(name)?.[0];
  }
}

function compare(name: string, a: Named, b: Named): number {
  return claim(name, b) - claim(name, a) || a.id - b.id;
}

/** How good the claim of a domain to a name is: the length of the domain's name if the name is of it. */
function claim(name: string, { domain }: Named): number {
  return name === domain || name.endsWith(`.${domain}`) ? domain.length : 0;
}

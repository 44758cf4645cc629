/**
 * What a certificate names: DNS names and IP addresses of its subject alternative names, and nothing else: the common name
 * is no name of a server (RFC 9525 section 2). Matching as in RFC 9525 section 6.3. Pure.
 */
import type { X509Certificate } from 'node:crypto';
import { isAddress, plainAddress } from '../lib/ip.ts';

/** Octets of a host name (RFC 1035 section 2.3.4, in text form). */
const HOST_OCTETS_MAX = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
/** A wildcard is the whole of the first label (RFC 9525 section 6.3), and some label is behind it. */
const PRESENTED = new RegExp(`^(?:\\*\\.${LABEL}|${LABEL})(?:\\.${LABEL})*$`);
const HOST = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** DNS names in lower case, then IP addresses in canonical form; each once. What is neither is left out. */
export function certificateNames(certificate: X509Certificate): readonly string[] {
  const names: string[] = [];
  const addresses: string[] = [];
  for (const [kind, value] of alternativeNames(certificate.subjectAltName ?? '')) {
    const name = value.toLowerCase();
    if (kind === 'DNS' && name.length <= HOST_OCTETS_MAX && PRESENTED.test(name)) names.push(name);
    if (kind === 'IP Address' && isAddress(value)) addresses.push(plainAddress(value));
  }
  return [...new Set([...names, ...addresses])];
}

/**
 * Node prints `DNS:a.example, IP Address:192.0.2.1` and puts what could be mistaken for more than one name in quotes
 * (CVE-2021-44532); such a name is no host name, so it is dropped whole.
 */
function alternativeNames(text: string): readonly (readonly [kind: string, value: string])[] {
  return Array.from(
    text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g),
    ([, kind = '', value = '']) => [kind, value] as const,
  );
}

/** A host name as a client asks for it, in the form of certificates' names; undefined when it is none. */
export function hostName(serverName: string): string | undefined {
  const name = (serverName.endsWith('.') ? serverName.slice(0, -1) : serverName).toLowerCase();
  return name.length <= HOST_OCTETS_MAX && HOST.test(name) ? name : undefined;
}

/** The one wildcard name that fits a host name: it stands for exactly one label. Undefined for a single label. */
export function wildcardOf(host: string): string | undefined {
  const dot = host.indexOf('.');
  return dot < 0 ? undefined : `*${host.slice(dot)}`;
}

/** Whether one of the names is the domain's, by a wildcard too, or of a host below it. */
export function namesDomain(names: readonly string[], domain: string): boolean {
  const wildcard = wildcardOf(domain);
  return names.some((name) => name === domain || name === wildcard || name.endsWith(`.${domain}`));
}

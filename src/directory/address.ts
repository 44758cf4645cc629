/**
 * Addresses of accounts: `user@domain`, as a person or a peer writes them and as we store them. A local part is a
 * Dot-string (RFC 5321 section 4.1.2) or its internationalised form (RFC 6531 section 3.3), in lower case and NFC; a
 * quoted one is the same name without quotes (RFC 5321 section 4.1.2). A domain is stored in lower case as A-labels
 * (RFC 5890 section 2.3.2.1).
 */
import { domainToASCII } from 'node:url';
import { LOCAL_PART_OCTETS_MAX } from '../store/slot/limits.ts';

/** Octets of a domain name in text form (RFC 1035 section 2.3.4, less the length octets of first label and root). */
export const DOMAIN_OCTETS_MAX = 253;
/** Octets of a whole address that we look at: a quoted local part may be written twice as long as it is. */
const ADDRESS_OCTETS_MAX = 2 * LOCAL_PART_OCTETS_MAX + 2 + 1 + 4 * DOMAIN_OCTETS_MAX;

export interface SplitAddress {
  /** As stored. */
  readonly name: string;
  /** As stored. */
  readonly domain: string;
}

/** Both parts in stored form, or undefined when it is no address that an account could have. */
export function splitAddress(address: string): SplitAddress | undefined {
  if (address.length > ADDRESS_OCTETS_MAX) return undefined;
  const at = address.lastIndexOf('@');
  if (at < 1) return undefined;
  const name = localPart(address.slice(0, at));
  const domain = domainName(address.slice(at + 1));
  return name === undefined || domain === undefined ? undefined : { name, domain };
}

/** A local part in stored form, or undefined when no account can be called so. */
export function localPart(text: string): string | undefined {
  const unquoted = text.startsWith('"') ? unquote(text) : text;
  if (unquoted === undefined || unquoted.length > LOCAL_PART_OCTETS_MAX) return undefined;
  // Lower case may undo the composition and composing may bring upper case back for no letter we know; NFC goes last.
  const name = unquoted.normalize('NFC').toLowerCase().normalize('NFC');
  const octets = Buffer.byteLength(name);
  return octets > 0 && octets <= LOCAL_PART_OCTETS_MAX && isDotString(name) ? name : undefined;
}

/** A domain name in stored form, or undefined when it is none. Address literals are not domains. */
export function domainName(text: string): string | undefined {
  if (text.length === 0 || text.length > 4 * DOMAIN_OCTETS_MAX) return undefined;
  // domainToASCII reads a URL's host and would stop at `/`, `?` or `#` without a word.
  if (/[\0-\x7f]/.test(text.replace(/[A-Za-z0-9._-]/g, ''))) return undefined;
  const ascii = domainToASCII(text);
  if (ascii.length === 0 || ascii.length > DOMAIN_OCTETS_MAX) return undefined;
  const labels = ascii.split('.');
  return labels.every(isLabel) && !/^[0-9]+$/.test(labels.at(-1)!) ? ascii : undefined;
}

/** RFC 1123 section 2.1; underscores are allowed, as people have them. */
function isLabel(label: string): boolean {
  return /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label);
}

/** Atoms of atext (RFC 5322 section 3.2.3) and printable non-ASCII characters, with single dots between them. */
function isDotString(name: string): boolean {
  return name.split('.').every((atom) => atom !== '' && ATOM.test(atom));
}

// No control, format, unassigned, private or surrogate code point (\p{C}), no separator (\p{Z}), outside ASCII.
const ATOM = /^(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|(?![\p{C}\p{Z}])[^\0-\x7f])+$/u;

/** Quoted-string (RFC 5321 section 4.1.2) without its quotes. */
function unquote(text: string): string | undefined {
  if (text.length < 2 || !text.endsWith('"')) return undefined;
  let content = '';
  for (let i = 1; i < text.length - 1; i++) {
    if (text[i] === '"') return undefined;
    if (text[i] === '\\' && ++i === text.length - 1) return undefined;
    content += text[i];
  }
  return content;
}

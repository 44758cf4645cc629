/** Reverse-path and forward-path (RFC 5321 section 4.1.2), with the characters of RFC 6531 section 3.3. */
import { isIPv4, isIPv6 } from '../../lib/ip.ts';
import type { Step } from '../../lib/step.ts';
import { DOMAIN_OCTETS_MAX, PATH_OCTETS_MAX } from '../limits.ts';

const NON_ASCII = '\\u{a0}-\\u{10ffff}';
const ATEXT = `[A-Za-z0-9!#$%&'*+/=?^_\`{|}~${NON_ASCII}-]`;
const DOT_STRING = new RegExp(`${ATEXT}+(?:\\.${ATEXT}+)*`, 'uy');
// A quoted pair is a backslash and any printable ASCII character.
const QUOTED_STRING = new RegExp(`"(?:[ !#-\\[\\]-~${NON_ASCII}]|\\\\[ -~])*"`, 'uy');
// Underscores are no letters of a host name, but people have them.
const LABEL = new RegExp(
  `^[A-Za-z0-9_${NON_ASCII}](?:[A-Za-z0-9_${NON_ASCII}-]*[A-Za-z0-9_${NON_ASCII}])?$`,
  'u',
);
const GENERAL_LITERAL = /^[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+$/;
const LABEL_OCTETS_MAX = 63;

/**
 * The address between `<` and `>`: '' for the null path, a local part alone where no domain is given (only Postmaster may
 * be so), else `local@domain` as written. A source route is read and forgotten (RFC 5321 appendix C). `text` begins at `from`.
 */
export function readPath(text: string, from: number): Step<string> {
  if (text[from] !== '<') return bad('no <');
  let at = from + 1;
  if (text[at] === '>') return { kind: 'value', value: '', next: at + 1 };
  if (text[at] === '@') {
    const colon = text.indexOf(':', at);
    const route = colon < 0 ? [] : text.slice(at, colon).split(',');
    if (route.length === 0 || !route.every((hop) => hop.startsWith('@') && isDomain(hop.slice(1))))
      return bad('bad source route');
    at = colon + 1;
  }
  const localTo = endOfLocalPart(text, at);
  if (localTo < 0) return bad('bad local part');
  const end = text.indexOf('>', localTo);
  if (end < 0) return bad('no >');
  if (Buffer.byteLength(text.slice(from, end + 1)) > PATH_OCTETS_MAX) return bad('too long');
  if (end > localTo) {
    const domain = text.slice(localTo + 1, end);
    if (text[localTo] !== '@' || !(isDomain(domain) || isAddressLiteral(domain))) return bad('bad domain');
  }
  return { kind: 'value', value: text.slice(at, end), next: end + 1 };
}

/** RFC 5321 section 4.1.2, Domain; labels in any script (RFC 6531 section 3.3). */
export function isDomain(text: string): boolean {
  if (Buffer.byteLength(text) > DOMAIN_OCTETS_MAX) return false;
  return text.split('.').every((label) => label.length <= LABEL_OCTETS_MAX && LABEL.test(label));
}

/** RFC 5321 section 4.1.3, with its brackets. */
export function isAddressLiteral(text: string): boolean {
  if (!text.startsWith('[') || !text.endsWith(']')) return false;
  const content = text.slice(1, -1);
  if (/^IPv6:/i.test(content)) return isIPv6(content.slice('IPv6:'.length));
  return isIPv4(content) || GENERAL_LITERAL.test(content);
}

/** Index behind it, or -1. */
function endOfLocalPart(text: string, at: number): number {
  const form = text[at] === '"' ? QUOTED_STRING : DOT_STRING;
  form.lastIndex = at;
  return form.test(text) ? form.lastIndex : -1;
}

function bad(why: string): Step<string> {
  return { kind: 'bad', why };
}

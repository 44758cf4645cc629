/**
 * Mailbox names: Unicode in Normalization Form C with `/` between the levels (RFC 9051 section 5.1, RFC 5198 section 2).
 * `INBOX` is the same in any case, as the whole name and as the first level of one.
 */
import { Failure } from '../../lib/failure.ts';
import type { AccountLimits } from './limits.ts';

export const SEPARATOR = '/';
export const INBOX = 'INBOX';

/** The form in which a name is kept and looked up; says nothing about whether it is allowed. */
export function canonicalName(given: string): string {
  const name = given.normalize('NFC');
  const end = name.indexOf(SEPARATOR);
  const first = end < 0 ? name : name.slice(0, end);
  // Without the u flag no letter outside ASCII matches; toUpperCase would make one of a dotless i.
  return /^inbox$/i.test(first) ? INBOX + name.slice(first.length) : name;
}

/** The canonical name of a mailbox to be made; Failure 'invalid' or 'limit' when there can be none of this name. */
export function newName(given: string, limits: AccountLimits): string {
  // An unpaired surrogate has no UTF-8 form: two different names would become one on disk.
  if (!given.isWellFormed()) throw new Failure('invalid', 'mailbox name is not valid Unicode');
  const name = canonicalName(given);
  if (hasForbidden(name)) throw new Failure('invalid', 'mailbox name has a control character');
  const components = name.split(SEPARATOR);
  if (components.includes('')) throw new Failure('invalid', 'mailbox name has an empty level');
  if (components.length > limits.depthMax)
    throw new Failure('limit', `mailbox name has more than ${limits.depthMax} levels`);
  if (components.some((c) => Buffer.byteLength(c) > limits.componentOctetsMax))
    throw new Failure(
      'limit',
      `a level of the mailbox name is longer than ${limits.componentOctetsMax} octets`,
    );
  if (Buffer.byteLength(name) > limits.nameOctetsMax)
    throw new Failure('limit', `mailbox name is longer than ${limits.nameOctetsMax} octets`);
  return name;
}

/** Superior names from the top down, without the name itself: `a/b/c` gives `a`, `a/b`. */
export function superiors(name: string): readonly string[] {
  const names: string[] = [];
  for (let at = name.indexOf(SEPARATOR); at >= 0; at = name.indexOf(SEPARATOR, at + 1))
    names.push(name.slice(0, at));
  return names;
}

/** True when `name` is below `superior` in the hierarchy, at any depth. */
export function isInferior(name: string, superior: string): boolean {
  return name.startsWith(superior + SEPARATOR);
}

/** RFC 5198 section 2: no C0, DEL or C1 controls, and not the line and paragraph separators. */
function hasForbidden(name: string): boolean {
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029) return true;
  }
  return false;
}

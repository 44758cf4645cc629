/**
 * Patterns of LIST and LSUB (RFC 3501 section 6.3.8): `*` matches anything, `%` anything but the separator. Every place of
 * the pattern that the name so far can have reached is followed at once, so the time is the product of their lengths, and
 * there is no recursion.
 */
import { ACCOUNT_LIMITS } from '../../store/account/limits.ts';

const SEPARATOR = '/';

/** Whether a pattern, reference and all, means a name. `INBOX` in any case of the pattern's letters is INBOX. */
export function compilePattern(pattern: string): (name: string) => boolean {
  const matches = compileExact(pattern.replace(/^inbox(?=$|\/)/i, 'INBOX'));
  const matchesInbox = compileExact(pattern.toUpperCase());
  return (name) => matches(name) || (name === 'INBOX' && matchesInbox(name));
}

function compileExact(pattern: string): (name: string) => boolean {
  // Characters, not UTF-16 units, as the loop over the name gives them.
  const parts = Array.from(pattern.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%'));
  const literals = parts.filter((part) => !isWild(part)).length;
  // No name is so long: and so nothing is worked out for such a pattern.
  if (literals > ACCOUNT_LIMITS.nameOctetsMax) return () => false;
  if (parts.length === 1 && parts[0] === '*') return () => true;
  const reached = new Uint8Array(parts.length + 1);
  return (name) => {
    if (literals > name.length) return false;
    reached.fill(0);
    reached[0] = 1;
    passWild(parts, reached);
    for (const char of name) if (!advance(parts, reached, char)) return false;
    return reached[parts.length] === 1;
  };
}

/** One character further; false when no place is left. From the end, so that each place is looked at before it is set. */
function advance(parts: readonly string[], reached: Uint8Array, char: string): boolean {
  let some = 0;
  for (let place = parts.length; place >= 0; place--) {
    const wish = parts[place];
    const stays = wish === '*' || (wish === '%' && char !== SEPARATOR);
    const comes = place > 0 && parts[place - 1] === char && !isWild(char) && reached[place - 1] === 1;
    reached[place] = (stays && reached[place] === 1) || comes ? 1 : 0;
    some |= reached[place]!;
  }
  passWild(parts, reached);
  return some === 1;
}

/** Wildcards match nothing too. */
function passWild(parts: readonly string[], reached: Uint8Array): void {
  for (let place = 0; place < parts.length; place++)
    if (reached[place] === 1 && isWild(parts[place]!)) reached[place + 1] = 1;
}

function isWild(part: string): boolean {
  return part === '*' || part === '%';
}

/** `a` and `a/b` of `a/b/c`. */
export function parents(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, count) => parts.slice(0, count + 1).join('/'));
}

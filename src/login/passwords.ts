/**
 * What a new password must be where a person sets one: at least PASSWORD_OCTETS_MIN octets and none of the common ones
 * (NIST SP 800-63B section 3.1.1.2: length and a list, no rules on kinds of characters). Passwords that come from
 * elsewhere, by an administrator's provisioning or an import, are taken as they are: refusing them would keep accounts
 * out of the server and change no password. Pure and in memory.
 */
import { COMMON_PASSWORDS, COMMON_WORDS } from './common-passwords.ts';
import { isPassword, PASSWORD_OCTETS_MAX } from './scram.ts';

export const PASSWORD_OCTETS_MIN = 10;
/** What hangs on a common word and makes it no better: a year, `123!`. */
const ORNAMENT_MAX = 5;
/** A password of fewer different characters is a pattern. */
const CHARACTERS_MIN = 4;
/** What is written again and again is known by the first time, when it is as short as this. */
const REPEATED_MAX = 5;

const WHOLE: ReadonlySet<string> = new Set(COMMON_PASSWORDS.trim().split(/\s+/));
const WORDS: ReadonlySet<string> = new Set(COMMON_WORDS.trim().split(/\s+/));
/** Rows of keyboards and alphabets, read either way. */
const RUNS = [
  '01234567890',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'zxcvbnm',
].flatMap((run) => [run, run.split('').reverse().join('')]);

/** Why a person cannot have this password; undefined when it is good. */
export function newPassword(password: string): string | undefined {
  const octets = Buffer.byteLength(password);
  if (octets < PASSWORD_OCTETS_MIN) return `a password has at least ${PASSWORD_OCTETS_MIN} octets`;
  if (octets > PASSWORD_OCTETS_MAX) return `a password has at most ${PASSWORD_OCTETS_MAX} octets`;
  if (!isPassword(password)) return 'a password has no control characters';
  return isCommon(password)
    ? 'this password is one of those that are tried first: choose another'
    : undefined;
}

function isCommon(password: string): boolean {
  const folded = password.normalize('NFKC').toLowerCase();
  if (new Set(folded).size < CHARACTERS_MIN || isRun(folded) || WHOLE.has(folded)) return true;
  const unit = repeatedUnit(folded);
  if (unit !== folded && (unit.length <= REPEATED_MAX || isRun(unit) || WORDS.has(unit))) return true;
  return isOrnamentedWord(folded);
}

/** `P@ssw0rd2024!`: a common word, letters written as digits and signs, with few characters or a run around it. */
function isOrnamentedWord(folded: string): boolean {
  const [, before = '', core = '', after = ''] = /^([^\p{L}]*)(.*?)([^\p{L}]*)$/su.exec(folded) ?? [];
  const ornament = before + after;
  if (ornament.length > ORNAMENT_MAX && !isRun(ornament.replaceAll(/\D/g, ''))) return false;
  return isWord(core) || isWord(repeatedUnit(core));
}

function isWord(core: string): boolean {
  return WORDS.has(core) || WORDS.has(plainLetters(core)) || isRun(core);
}

function plainLetters(text: string): string {
  return text.replaceAll(/[013457@$!]/g, (sign) => LETTERS[sign] ?? sign);
}

const LETTERS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/** A piece of an alphabet or a keyboard's row of at least three characters, or several of them one after the other. */
function isRun(text: string): boolean {
  for (let from = 0; from < text.length; ) {
    let length = Math.min(text.length - from, LONGEST_RUN);
    while (length >= 3 && !RUNS.some((run) => run.includes(text.slice(from, from + length)))) length--;
    if (length < 3) return false;
    from += length;
  }
  return text !== '';
}

const LONGEST_RUN = Math.max(...RUNS.map((run) => run.length));

/** The shortest text that, written again and again (the last time perhaps not to its end), is this one. */
function repeatedUnit(text: string): string {
  for (let length = 1; length * 2 <= text.length; length++) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit;
  }
  return text;
}

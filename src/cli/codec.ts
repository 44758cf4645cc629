/**
 * The PWD protocol's answers (shared facts: communigate.md, section 3.1), and how long its lines may be. No I/O.
 *
 * Decision: data that is not inline is one entry a line, inner values on theirs, so that only its last line ends in its
 * closing bracket, which is how clients find the end.
 */
import type { Outcome } from '../admin/commands.ts';
import type { Reason } from '../admin/types.ts';
import { format, formatString } from '../lib/dictionary/format.ts';
import { isArray, isDictionary, type Value } from '../lib/dictionary/value.ts';

/**
 * Octets of a line, its end included, before log-in and after it: a thousand aliases have room, and reading the worst of
 * lines takes less than 50 ms.
 */
export const LOGIN_LINE_OCTETS_MAX = 1024;
export const LINE_OCTETS_MAX = 128 * 1024;

/** The codes of answers. */
export const CODE = {
  ok: 200,
  okInline: 201,
  moreInput: 300,
  unknownCommand: 500,
  failed: 501,
  unknownDomain: 512,
  unknownAccount: 513,
  badPassword: 515,
  accountExists: 520,
} as const;

const CODES: Readonly<Record<Reason, number>> = {
  'unknown-command': CODE.unknownCommand,
  syntax: CODE.failed,
  'no-right': CODE.failed,
  'unknown-domain': CODE.unknownDomain,
  'unknown-account': CODE.unknownAccount,
  'account-exists': CODE.accountExists,
  invalid: CODE.failed,
  temporary: CODE.failed,
  'unknown-outcome': CODE.failed,
  failed: CODE.failed,
};

/** Text added in front of the message, where the code leaves open what a client can do. */
const HINTS: Readonly<Partial<Record<Reason, string>>> = {
  temporary: 'try again later: ',
  'unknown-outcome': 'it is not known whether this was done: ',
};

/** `code text`; what would break the line is written as spaces. */
export function answer(code: number, text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not get through
  return `${code} ${text.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')}\r\n`;
}

/** The answer to a command, in pieces that are made when they are asked for: a listing may have millions of entries. */
export function* answerOutcome(outcome: Outcome, inline: boolean): Generator<string> {
  switch (outcome.kind) {
    case 'done':
      yield answer(CODE.ok, 'OK');
      return;
    case 'data':
      yield inline ? `${CODE.okInline} ` : answer(CODE.ok, 'data follow');
      yield* entries(outcome.value, inline ? '' : '\r\n');
      yield '\r\n';
      return;
    case 'refused':
      yield answer(CODES[outcome.reason], `${HINTS[outcome.reason] ?? ''}${outcome.message}`);
  }
}

/** A value, an entry a piece, with `end` between entries. */
function* entries(value: Value, end: string): Generator<string> {
  if (isDictionary(value) && value.size > 0) {
    yield `{${end}`;
    for (const [key, each] of value) yield `${formatString(key)}=${format(each)};${end}`;
    yield '}';
  } else if (isArray(value) && value.length > 0) {
    for (const [index, each] of value.entries())
      yield index === 0 ? `(${format(each)}` : `,${end}${format(each)}`;
    yield ')';
  } else yield format(value);
}

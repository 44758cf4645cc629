/** The argument of RCPT: RFC 5321 section 4.1.1.3 with the parameters of RFC 3461 (NOTIFY, ORCPT; RFC 6533 section 3). */
import { isAscii } from 'node:buffer';
import { ORCPT_CHARACTERS_MAX } from '../limits.ts';
import { isPostmaster } from '../postmaster.ts';
import type { Notify, OriginalRecipient, RecipientDsn, Reply } from '../types.ts';
import { decodeXtext, parseParameters } from './parameters.ts';
import { readPath } from './path.ts';
import { NOT_ASCII, parameterRefused, syntax, UNKNOWN_PARAMETER } from './refusals.ts';

export interface RcptCommand {
  readonly forwardPath: string;
  readonly dsn: RecipientDsn | undefined;
}

export interface RcptRules {
  readonly smtpUtf8: boolean;
}

const BAD_PATH: Reply = { code: 501, text: '5.1.3 bad recipient address' };
const NOTIFIES: readonly Notify[] = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'];

export function parseRcpt(argument: string, rules: RcptRules): RcptCommand | Reply {
  const to = /^TO: */i.exec(argument)?.[0];
  if (to === undefined) return syntax('RCPT TO:<address> [parameters]');
  const path = readPath(argument, to.length);
  if (path.kind !== 'value') return BAD_PATH;
  const forwardPath = path.value;
  if (!forwardPath.includes('@') && !isPostmaster(forwardPath)) return BAD_PATH;
  if (!rules.smtpUtf8 && !isAscii(Buffer.from(forwardPath))) return NOT_ASCII;
  const parameters = argument.slice(path.next);
  if (parameters === '') return { forwardPath, dsn: undefined };
  const dsn = readDsn(parameters, rules);
  return 'code' in dsn ? dsn : { forwardPath, dsn };
}

function readDsn(text: string, rules: RcptRules): RecipientDsn | Reply {
  const parameters = parseParameters(text);
  if (parameters === undefined) return syntax('RCPT TO:<address> [parameters], each once');
  let notify: readonly Notify[] | undefined;
  let orcpt: OriginalRecipient | undefined;
  for (const [name, value] of parameters)
    if (name === 'NOTIFY') {
      notify = readNotify(value ?? '');
      if (notify === undefined) return parameterRefused(name);
    } else if (name === 'ORCPT') {
      orcpt = readOrcpt(value ?? '', rules);
      if (orcpt === undefined) return parameterRefused(name);
    } else return UNKNOWN_PARAMETER;
  return { notify, orcpt };
}

/** RFC 3461 section 4.1: NEVER alone, or a list of the others. */
function readNotify(value: string): readonly Notify[] | undefined {
  const words = value.toUpperCase().split(',');
  const found = NOTIFIES.filter((each) => words.includes(each));
  if (found.length !== words.length || (found.length > 1 && found.includes('NEVER'))) return undefined;
  return found;
}

/** RFC 3461 section 4.2: an address type, `;`, an address in xtext; RFC 6533 section 3: or as UTF-8 itself. */
function readOrcpt(value: string, { smtpUtf8 }: RcptRules): OriginalRecipient | undefined {
  const semicolon = value.indexOf(';');
  const type = value.slice(0, semicolon).toLowerCase();
  if (semicolon < 0 || value.length > ORCPT_CHARACTERS_MAX || !/^[!#-'*+./0-9?A-Z^-~-]+$/i.test(type))
    return undefined;
  const encoded = value.slice(semicolon + 1);
  const isUnicode = type === 'utf-8' && smtpUtf8 && !isAscii(Buffer.from(encoded));
  const address = isUnicode ? encoded : decodeXtext(encoded);
  return address === undefined || address === '' ? undefined : { type, address };
}

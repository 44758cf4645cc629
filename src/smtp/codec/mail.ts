/**
 * The argument of MAIL: RFC 5321 section 4.1.1.2 with the parameters of RFC 1870 (SIZE), 6152 and 3030 (BODY), 6531
 * (SMTPUTF8), 3461 (RET, ENVID) and 4954 (AUTH). Each parameter has a row; what has none is answered 555.
 */
import { isAscii } from 'node:buffer';
import { ENVID_CHARACTERS_MAX } from '../limits.ts';
import { type BodyType, type Envelope, isReply, type Reply } from '../types.ts';
import { decodeXtext, parseParameters } from './parameters.ts';
import { readPath } from './path.ts';
import { NOT_ASCII, parameterRefused, syntax, UNKNOWN_PARAMETER } from './refusals.ts';

export interface MailCommand extends Envelope {
  /** As declared (RFC 1870 section 5). */
  readonly size: number | undefined;
}

export interface MailRules {
  /** AUTH is offered, so that its parameter is known. */
  readonly hasAuth: boolean;
}

const BAD_PATH: Reply = { code: 501, text: '5.1.7 bad sender address' };
const BODIES: readonly BodyType[] = ['7BIT', '8BITMIME', 'BINARYMIME'];

export function parseMail(argument: string, rules: MailRules): MailCommand | Reply {
  const from = /^FROM: */i.exec(argument)?.[0];
  if (from === undefined) return syntax('MAIL FROM:<address> [parameters]');
  const path = readPath(argument, from.length);
  if (path.kind !== 'value') return BAD_PATH;
  const reversePath = path.value;
  if (reversePath !== '' && !reversePath.includes('@')) return BAD_PATH;
  const parameters = argument.slice(path.next);
  const command: Draft = {
    reversePath,
    size: undefined,
    body: '7BIT',
    smtpUtf8: false,
    ret: undefined,
    envid: undefined,
    auth: undefined,
  };
  // Most have none.
  const refused = parameters === '' ? undefined : readAll(parameters, command, rules);
  if (refused !== undefined) return refused;
  return command.smtpUtf8 || isAscii(Buffer.from(reversePath)) ? command : NOT_ASCII;
}

type Draft = { -readonly [K in keyof MailCommand]: MailCommand[K] };
/** False when the value is wrong. */
type Read = (value: string | undefined, into: Draft, rules: MailRules) => boolean | Reply;

const PARAMETERS: Readonly<Record<string, Read>> = {
  SIZE: (value, into) => {
    if (value === undefined || !/^\d{1,20}$/.test(value)) return false;
    into.size = Number(value);
    return true;
  },
  BODY: (value, into) => {
    const body = BODIES.find((each) => each === value?.toUpperCase());
    if (body === undefined) return false;
    into.body = body;
    return true;
  },
  SMTPUTF8: (value, into) => {
    into.smtpUtf8 = value === undefined;
    return into.smtpUtf8;
  },
  RET: (value, into) => {
    const ret = value?.toUpperCase();
    if (ret !== 'FULL' && ret !== 'HDRS') return false;
    into.ret = ret;
    return true;
  },
  ENVID: (value, into) => {
    into.envid = value === undefined || value.length > ENVID_CHARACTERS_MAX ? undefined : decodeXtext(value);
    return into.envid !== undefined;
  },
  AUTH: (value, into, { hasAuth }) => {
    if (!hasAuth) return UNKNOWN_PARAMETER;
    const submitter = value === undefined ? undefined : value === '<>' ? '' : decodeXtext(value);
    const isMailbox = submitter === '' || readPath(`<${submitter}>`, 0).kind === 'value';
    if (submitter === undefined || !isMailbox) return false;
    into.auth = submitter;
    return true;
  },
};

function readAll(text: string, into: Draft, rules: MailRules): Reply | undefined {
  const parameters = parseParameters(text);
  if (parameters === undefined) return syntax('MAIL FROM:<address> [parameters], each once');
  for (const [name, value] of parameters) {
    const read = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    const done = read === undefined ? UNKNOWN_PARAMETER : read(value, into, rules);
    if (done === false) return parameterRefused(name);
    if (done !== true && isReply(done)) return done;
  }
  return undefined;
}

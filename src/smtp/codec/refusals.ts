/** Replies to commands that break the grammar (RFC 5321 section 4.2.2 and 4.1.1.11, RFC 5248). */
import type { Reply } from '../types.ts';

export const UNKNOWN_PARAMETER: Reply = {
  code: 555,
  text: '5.5.4 a parameter that this server does not know',
};
/** RFC 6531 section 3.5. */
export const NOT_ASCII: Reply = {
  code: 553,
  text: '5.6.7 an address outside ASCII needs the SMTPUTF8 parameter of MAIL',
};

export function syntax(form: string): Reply {
  return { code: 501, text: `5.5.4 syntax: ${form}` };
}

/** `name` is one of ours, never what the client wrote. */
export function parameterRefused(name: string): Reply {
  return { code: 501, text: `5.5.4 bad value of ${name}` };
}

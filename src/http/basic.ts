/** HTTP Basic (RFC 7617): the one way to log in here, inside TLS. Pure. */
import { decodeUtf8 } from '../lib/utf8.ts';

export interface BasicCredentials {
  readonly login: string;
  readonly password: string;
}

/** Longer ones are nobody's: names and passwords have smaller limits everywhere. */
const TOKEN_LENGTH_MAX = 4096;

/** `charset`: what is behind the base64 is UTF-8 (RFC 7617 section 2.1). */
export const BASIC_CHALLENGE = 'Basic realm="Postern administration", charset="UTF-8"';

/** What an Authorization field says; undefined when it is none of this scheme or makes no sense. */
export function readBasic(field: string | undefined): BasicCredentials | undefined {
  // RFC 9110 section 11.1: the scheme in any case; token68 of section 11.2.
  const token = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field ?? '')?.[1];
  if (token === undefined || token.length > TOKEN_LENGTH_MAX || token.length % 4 === 1) return undefined;
  const text = decodeUtf8(Buffer.from(token, 'base64'));
  // RFC 7617 section 2: the name has no colon, the password may; neither has control characters.
  const colon = text?.indexOf(':') ?? -1;
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (text === undefined || colon < 1 || /[\u0000-\u001f\u007f]/.test(text)) return undefined;
  return { login: text.slice(0, colon), password: text.slice(colon + 1) };
}

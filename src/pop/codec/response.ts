/**
 * Single-line responses (RFC 1939 section 3) with response codes (RFC 2449 section 8, RFC 3206), as text without CRLF.
 * Every text is ours and short: nothing of what a client sent is in one, so none is near the 512 octets of RFC 2449
 * section 4.
 */

/**
 * `SYS/TEMP`: try again later; `SYS/PERM`: a person has to do something; `AUTH`: name or password (RFC 3206 section 3);
 * `IN-USE`: the log-in was right, and others have the maildrop open (RFC 2449 section 8.1.1).
 */
export type ResponseCode = 'SYS/TEMP' | 'SYS/PERM' | 'AUTH' | 'IN-USE';

export function ok(text: string): string {
  return `+OK ${text}`;
}

export function err(text: string, code?: ResponseCode): string {
  return code === undefined ? `-ERR ${text}` : `-ERR [${code}] ${text}`;
}

/** Ends a multi-line response (RFC 1939 section 3). */
export const END = '.';

export const NO_SUCH_MESSAGE = err('no such message');
export const TRY_LATER = err('temporarily unavailable, try again later', 'SYS/TEMP');

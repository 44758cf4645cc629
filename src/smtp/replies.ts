/** Replies that several commands share, and those for what goes wrong behind them (RFC 5321 section 4.2.2, enhanced codes of RFC 3463 and RFC 5248). */
import { failureCode } from '../lib/failure.ts';
import type { Reply } from './types.ts';

export const NO_SUCH_MAILBOX: Reply = { code: 550, text: '5.1.1 no such mailbox here' };
/** Permanent, also for users: nothing here would send it later. */
export const NOT_OUR_DOMAIN: Reply = {
  code: 550,
  text: '5.7.1 relaying denied: not a domain of this server, which sends no mail to others',
};
const BAD_ADDRESS: Reply = { code: 553, text: '5.1.3 this is no mailbox address' };
export const TRY_LATER: Reply = { code: 451, text: '4.3.0 temporarily unavailable, try again later' };
export const STORAGE_FULL: Reply = { code: 452, text: '4.3.1 insufficient system storage, try again later' };
const MAILBOX_FULL: Reply = { code: 452, text: '4.2.2 mailbox full, try again later' };

export const TOO_LARGE: Reply = { code: 552, text: '5.3.4 the message is larger than this server takes' };
export const HEADER_TOO_LONG: Reply = { code: 552, text: '5.3.4 the header of the message is too long' };
export const LINE_TOO_LONG: Reply = {
  code: 554,
  text: '5.6.0 a line of the message is too long (RFC 5321 section 4.5.3.1.6)',
};
export const NUL_IN_TEXT: Reply = { code: 554, text: '5.6.0 NUL in a text (RFC 6152 section 3)' };
/** RFC 3030 section 3: a server that cannot keep binary content as it is. */
export const NOT_CONVERTED: Reply = {
  code: 554,
  text: '5.6.3 binary octets outside of parts with Content-Transfer-Encoding: binary cannot be kept',
};
export const LOOP: Reply = {
  code: 554,
  text: '5.4.6 too many Received fields: the message goes in a circle',
};
export const BARE_LINE_END: Reply = {
  code: 550,
  text: '5.5.2 bare CR or LF, lines end with CRLF (RFC 5321 section 2.3.8)',
};

export const NO_MAIL: Reply = { code: 503, text: '5.5.1 send MAIL first' };
/** RFC 5321 section 3.3. */
export const NO_RECIPIENT: Reply = { code: 503, text: '5.5.1 no valid recipient' };

/** The reply for a failed resolve or delivery. Everything that is not certainly permanent is a temporary error. */
export function replyFor(error: unknown): Reply {
  switch (failureCode(error)) {
    case 'no-space':
      return STORAGE_FULL;
    case 'limit':
      return MAILBOX_FULL;
    case 'not-found':
      return NO_SUCH_MAILBOX;
    case 'invalid':
      return BAD_ADDRESS;
    default:
      return TRY_LATER;
  }
}

/** Replies for what goes wrong behind the listener (RFC 5321 section 4.2.2, enhanced codes of RFC 3463 and RFC 5248). */
import { failureCode } from '../lib/failure.ts';
import type { Reply } from './types.ts';

export const NO_SUCH_MAILBOX: Reply = { code: 550, text: '5.1.1 no such mailbox here' };
export const NOT_OUR_DOMAIN: Reply = {
  code: 550,
  text: '5.7.1 relaying denied: not a domain of this server',
};
export const BAD_ADDRESS: Reply = { code: 553, text: '5.1.3 this is no mailbox address' };
const TRY_LATER: Reply = { code: 451, text: '4.3.0 temporarily unavailable, try again later' };
const STORAGE_FULL: Reply = { code: 452, text: '4.3.1 insufficient system storage, try again later' };
const MAILBOX_FULL: Reply = { code: 452, text: '4.2.2 mailbox full, try again later' };

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

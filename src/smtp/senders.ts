/**
 * Who may send as whom (RFC 6409 section 6.1): an account as every name that leads to it, its aliases too, and with the
 * null reverse-path, as notifications of its own must (RFC 8098 section 3). The From field is the author's affair.
 */
import type { Directory } from '../directory/types.ts';
import type { Logger } from '../lib/logging.ts';
import { objectKey } from '../store/ids.ts';
import { replyFor } from './replies.ts';
import type { Reply, SenderCheck } from './types.ts';

const NOT_YOURS: Reply = {
  code: 550,
  text: '5.7.1 the sender must be an address of the account that is logged in',
};

export interface SenderOptions {
  readonly directory: Pick<Directory, 'parse' | 'resolve'>;
  readonly logger: Logger;
  /** How long MAIL may wait for the owner of the name before it is answered 451. */
  readonly waitMs: number;
}

export function createSenderCheck({ directory, logger, waitMs }: SenderOptions): SenderCheck {
  return {
    async refuse(account, reversePath) {
      if (reversePath === '') return undefined;
      try {
        const name = directory.parse(reversePath);
        // A server administrator has no mail account, so no address is his.
        if (name === undefined || account === undefined) return NOT_YOURS;
        const found = await directory.resolve(name.domainId, name.name, waitMs);
        const isOwn = found.kind === 'account' && objectKey(found.object) === objectKey(account);
        return isOwn ? undefined : NOT_YOURS;
      } catch (error) {
        logger.warn({ address: reversePath, err: error }, 'sender not resolved');
        return replyFor(error);
      }
    },
  };
}

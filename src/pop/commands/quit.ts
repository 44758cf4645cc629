/**
 * QUIT in the TRANSACTION state: the UPDATE state (RFC 1939 section 6). The transaction id makes the last commit answer
 * the same when it is asked for again; the others are repeated without harm.
 */
import { err, ok } from '../codec/response.ts';
import { isRefusal } from '../session/session.ts';
import { NOTHING_CHANGED, type Rule } from './command.ts';

export const SOME_NOT_REMOVED = err('some deleted messages not removed', 'SYS/TEMP');

export const quit: Rule<'QUIT'> = {
  counts: 'own',
  async run({ session, output, transaction, working }) {
    try {
      await session.update(transaction, working);
      output.line(ok('bye'));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      output.line(SOME_NOT_REMOVED);
    }
    return NOTHING_CHANGED;
  },
};

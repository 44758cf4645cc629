/** RSET (RFC 1939 section 5): no message is marked as deleted any more. */
import { ok } from '../codec/response.ts';
import type { Rule } from './command.ts';

export const rset: Rule<'RSET'> = {
  counts: 'own',
  async run({ session, output }) {
    session.unmarkAll();
    const { count, octets } = await session.totals();
    output.line(ok(`maildrop has ${count} messages (${octets} octets)`));
    return { unmarked: true };
  },
};

/** Opens the maildrop; its answer is that of the log-in (RFC 1939 section 4), `PASS` or `AUTH`. */
import { ok } from '../codec/response.ts';
import type { Rule } from './command.ts';

export const open: Rule<'open'> = {
  counts: 'own',
  async run({ session, output }) {
    const opened = session.open();
    const { count, octets } = await session.totals();
    output.line(ok(`maildrop has ${count} messages (${octets} octets)`));
    return { opened };
  },
};

/** STAT (RFC 1939 section 5): messages and octets of the maildrop; what is marked as deleted does not count. */
import { ok } from '../codec/response.ts';
import { NOTHING_CHANGED, type Rule } from './command.ts';

export const stat: Rule<'STAT'> = {
  counts: 'own',
  async run({ session, output }) {
    const { count, octets } = await session.totals();
    // Nothing behind the two numbers: RFC 1939 section 5 discourages it.
    output.line(ok(`${count} ${octets}`));
    return NOTHING_CHANGED;
  },
};

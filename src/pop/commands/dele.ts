/** DELE (RFC 1939 section 5): marks; nothing is deleted before QUIT. A marked message cannot be referred to again. */
import { NO_SUCH_MESSAGE, ok } from '../codec/response.ts';
import { NOTHING_CHANGED, type Rule } from './command.ts';

export const dele: Rule<'DELE'> = {
  counts: 'own',
  async run({ session, output }, { number }) {
    const message = session.message(number);
    if (message === undefined) {
      output.line(NO_SUCH_MESSAGE);
      return NOTHING_CHANGED;
    }
    session.mark(number, message);
    output.line(ok(`message ${number} is marked as deleted`));
    return { marked: message.uid };
  },
};

/** EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (section 6.4.9). */
import { type CommandOf, NO_SUCH_MESSAGE, OK, READ_ONLY, type Rule } from './outcome.ts';

export const expunge: Rule<CommandOf<'EXPUNGE'>> = {
  selected: true,
  tells: 'all',
  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    if (selected.readOnly) return READ_ONLY;
    const uids = command.uids && session.messages(command.uids, true);
    if (command.uids !== undefined && uids === undefined) return NO_SUCH_MESSAGE;
    if (mailbox.deleted > 0) await session.account.expunge(mailbox.id, uids, session.transaction);
    return OK('expunged');
  },
};

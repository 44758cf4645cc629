/** CLOSE and UNSELECT (RFC 9051 sections 6.4.1 and 6.4.2). */
import { type CommandOf, OK, type Rule } from './outcome.ts';

/** Expunges without a word, unless the mailbox was opened read-only. */
export const close: Rule<CommandOf<'CLOSE'>> = {
  selected: true,
  tells: 'nothing',
  async run(session) {
    const { selected } = session;
    const mailbox = selected && session.account.mailboxById(selected.mailboxId);
    if (selected !== undefined && mailbox !== undefined && !selected.readOnly && mailbox.deleted > 0)
      await session.account.expunge(mailbox.id, undefined, session.transaction);
    session.selected = undefined;
    return OK();
  },
};

export const unselect: Rule<CommandOf<'UNSELECT'>> = {
  selected: true,
  tells: 'nothing',
  run(session) {
    session.selected = undefined;
    return OK();
  },
};

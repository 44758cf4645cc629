/** CLOSE (RFC 3501 section 6.4.2) and UNSELECT (RFC 3691). */
import { OK } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

/** Expunges without a word, unless the mailbox was opened read-only. */
export const close: CommandSpec<{ readonly name: 'CLOSE' }> = {
  name: 'CLOSE',
  phases: SELECTED,
  repeat: 'transaction',
  tells: 'nothing',
  parse: () => ({ name: 'CLOSE' }),

  async run(session) {
    const { selected } = session;
    const mailbox = selected && session.account.mailboxById(selected.mailboxId);
    if (selected !== undefined && mailbox !== undefined && !selected.readOnly && mailbox.deleted > 0)
      await session.account.expunge(mailbox.id, undefined, session.transaction);
    session.selected = undefined;
    return OK();
  },
};

export const unselect: CommandSpec<{ readonly name: 'UNSELECT' }> = {
  name: 'UNSELECT',
  phases: SELECTED,
  capabilities: { afterLogin: ['UNSELECT'] },
  repeat: 'safe',
  tells: 'nothing',
  parse: () => ({ name: 'UNSELECT' }),

  run(session) {
    session.selected = undefined;
    return OK();
  },
};

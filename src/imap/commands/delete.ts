/** DELETE (RFC 3501 section 6.3.4). */
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface DeleteCommand {
  readonly name: 'DELETE';
  readonly mailbox: string;
}

export const remove: CommandSpec<DeleteCommand> = {
  name: 'DELETE',
  phases: LOGGED_IN,
  repeat: 'transaction',
  tells: 'all',

  /** delete = "DELETE" SP mailbox */
  parse(reader) {
    reader.space();
    return { name: 'DELETE', mailbox: reader.mailbox() };
  },

  async run(session, command) {
    await session.account.deleteMailbox(command.mailbox, session.transaction);
    return OK('deleted');
  },
};

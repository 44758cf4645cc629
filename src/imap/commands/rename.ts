/** RENAME (RFC 3501 section 6.3.5). */
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface RenameCommand {
  readonly name: 'RENAME';
  readonly from: string;
  readonly to: string;
}

export const rename: CommandSpec<RenameCommand> = {
  name: 'RENAME',
  phases: LOGGED_IN,
  repeat: 'transaction',
  tells: 'all',

  /** rename = "RENAME" SP mailbox SP mailbox */
  parse(reader) {
    reader.space();
    const from = reader.mailbox();
    reader.space();
    return { name: 'RENAME', from, to: reader.mailbox() };
  },

  async run(session, command) {
    await session.account.renameMailbox(command.from, command.to.replace(/\/$/, ''), session.transaction);
    return OK('renamed');
  },
};

/** STATUS (RFC 3501 section 6.3.10, RFC 9051 section 6.3.11). */
import { NO_MAILBOX, OK } from './outcome.ts';
import { type StatusItem, statusItems, statusLine } from './status-items.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface StatusCommand {
  readonly name: 'STATUS';
  readonly mailbox: string;
  readonly items: readonly StatusItem[];
}

export const status: CommandSpec<StatusCommand> = {
  name: 'STATUS',
  phases: LOGGED_IN,
  repeat: 'safe',
  tells: 'all',

  /** status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
  parse(reader) {
    reader.space();
    const mailbox = reader.mailbox();
    reader.space();
    return { name: 'STATUS', mailbox, items: statusItems(reader) };
  },

  run(session, command) {
    const mailbox = session.account.mailbox(command.mailbox);
    if (mailbox === undefined || !mailbox.selectable) return NO_MAILBOX;
    statusLine(session, mailbox, command.items);
    return OK();
  },
};

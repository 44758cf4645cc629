/** SELECT and EXAMINE (RFC 9051 section 6.3.2), with HIGHESTMODSEQ (RFC 7162) and MAILBOXID (RFC 8474). */
import type { Mailbox } from '../../store/account/types.ts';
import type { Session } from '../session/session.ts';
import { View } from '../session/view.ts';
import { type CommandOf, NO, NO_MAILBOX, OK, type Outcome, type Rule } from './outcome.ts';

export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'];

export const select: Rule<CommandOf<'SELECT' | 'EXAMINE'>> = {
  tells: 'nothing',
  run(session, command) {
    leave(session);
    if (command.condstore) session.enabled.add('CONDSTORE');
    const mailbox = session.account.mailbox(command.mailbox);
    if (mailbox === undefined) return NO_MAILBOX;
    if (!mailbox.selectable) return NO('this name holds no messages', '[NONEXISTENT]');
    return open(session, mailbox, command.name === 'EXAMINE');
  },
};

/** RFC 9051 section 7.1, CLOSED: what comes after it is about the next mailbox. */
export function leave(session: Session): void {
  if (session.selected !== undefined)
    session.output.line('* OK [CLOSED] previous mailbox is no longer selected');
  session.selected = undefined;
}

function open(session: Session, mailbox: Mailbox, readOnly: boolean): Outcome {
  const { output } = session;
  const flags = [...SYSTEM_FLAGS, ...mailbox.keywords].join(' ');
  output.line(`* FLAGS (${flags})`);
  output.line(`* ${mailbox.exists} EXISTS`);
  output.line('* 0 RECENT'); // RFC 3501 section 7.3.2; nothing is ever recent, as RFC 9051 has it
  const unseen = firstUnseen(mailbox);
  if (unseen > 0) output.line(`* OK [UNSEEN ${unseen}] first unseen message`);
  output.line(`* OK [PERMANENTFLAGS (${readOnly ? '' : `${flags} \\*`})] flags that last`);
  output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs valid`);
  output.line(`* OK [UIDNEXT ${mailbox.uidNext}] predicted next UID`);
  output.line(`* OK [HIGHESTMODSEQ ${mailbox.highestModseq}] highest`);
  output.line(`* OK [MAILBOXID (F${mailbox.id})] mailbox id`);
  session.selected = {
    mailboxId: mailbox.id,
    uidValidity: mailbox.uidValidity,
    readOnly,
    view: View.of(mailbox),
    savedSearch: [],
  };
  return OK('selected', readOnly ? '[READ-ONLY]' : '[READ-WRITE]');
}

function firstUnseen(mailbox: Mailbox): number {
  if (mailbox.unseen === 0) return 0;
  for (let index = 0; index < mailbox.exists; index++)
    if (!mailbox.at(index).flags.includes('\\Seen')) return index + 1;
  return 0;
}

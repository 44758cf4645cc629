/** STATUS (RFC 9051 section 6.3.11), also as LIST's RETURN (STATUS …) (RFC 5819). */
import type { Mailbox } from '../../store/account/types.ts';
import type { StatusItem } from '../codec/types.ts';
import type { Session } from '../session/session.ts';
import { mailboxName } from './names.ts';
import { type CommandOf, NO_MAILBOX, OK, type Rule } from './outcome.ts';

export const status: Rule<CommandOf<'STATUS'>> = {
  tells: 'all',
  run(session, command) {
    const mailbox = session.account.mailbox(command.mailbox);
    if (mailbox === undefined || !mailbox.selectable) return NO_MAILBOX;
    // RFC 7162 section 3.1.1: asking for HIGHESTMODSEQ is a CONDSTORE enabling command.
    if (command.items.includes('HIGHESTMODSEQ')) session.enabled.add('CONDSTORE');
    statusLine(session, mailbox, command.items);
    return OK();
  },
};

export function statusLine(session: Session, mailbox: Mailbox, items: readonly StatusItem[]): void {
  const values = items.map((item) => `${item} ${VALUES[item](mailbox, session)}`);
  session.output.line(`* STATUS ${mailboxName(session, mailbox.name)} (${values.join(' ')})`);
}

const VALUES: Record<StatusItem, (mailbox: Mailbox, session: Session) => number | string> = {
  MESSAGES: (mailbox) => mailbox.exists,
  UIDNEXT: (mailbox) => mailbox.uidNext,
  UIDVALIDITY: (mailbox) => mailbox.uidValidity,
  UNSEEN: (mailbox) => mailbox.unseen,
  DELETED: (mailbox) => mailbox.deleted,
  SIZE: (mailbox) => mailbox.octets,
  RECENT: () => 0,
  HIGHESTMODSEQ: (mailbox) => mailbox.highestModseq,
  MAILBOXID: (mailbox) => `(F${mailbox.id})`,
  APPENDLIMIT: (_, session) => session.appendOctetsMax,
};

/** Mailbox names in responses. */
import { join, mailbox } from '../codec/write.ts';
import type { Session } from '../session/session.ts';

/** As an astring, in modified UTF-7 or, after ENABLE UTF8=ACCEPT, in UTF-8. */
export function mailboxName(session: Session, name: string): string {
  return join(mailbox(name, { utf8: session.utf8 })).toString();
}

/** Names are matched as given; only INBOX is the same in any case (RFC 9051 section 5.1). */
export function canonicalName(name: string): string {
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name;
}

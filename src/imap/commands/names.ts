/** Mailbox names in responses. */
import { join, mailbox } from '../codec/write.ts';
import type { Session } from '../session/session.ts';

/** As an astring, in modified UTF-7 or, after ENABLE UTF8=ACCEPT, in UTF-8. */
export function mailboxName(session: Session, name: string): string {
  return join(mailbox(name, { utf8: session.utf8 })).toString();
}

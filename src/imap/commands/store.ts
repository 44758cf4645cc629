/** STORE and UID STORE (RFC 9051 section 6.4.6) with UNCHANGEDSINCE (RFC 7162 section 3.1.3). */
import type { ModSeq, Uid } from '../../store/account/types.ts';
import { formatNumbers } from '../codec/sequenceSet.ts';
import type { Session } from '../session/session.ts';
import { type CommandOf, NO_SUCH_MESSAGE, OK, READ_ONLY, type Rule } from './outcome.ts';

export const store: Rule<CommandOf<'STORE'>> = {
  selected: true,
  tells: 'nothing', // it tells them itself: which are silent depends on what was stored
  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    if (selected.readOnly) return READ_ONLY;
    const uids = session.messages(command.set, command.uid);
    if (uids === undefined) return NO_SUCH_MESSAGE;
    const { mode, flags, unchangedSince, silent, uid } = command;
    if (unchangedSince !== undefined) session.enabled.add('CONDSTORE');
    const change = {
      uids,
      mode,
      flags,
      ...(unchangedSince !== undefined && { unchangedSince: unchangedSince as ModSeq }),
    };
    const stored = await session.account.storeFlags(mailbox.id, change, session.transaction);
    if (!silent) tellUnchanged(session, uids, new Set(stored.changed));
    // RFC 9051 section 7.5.1: no EXPUNGE in answer to STORE; UID STORE may have them.
    session.tellChanges(uid, silent ? new Set(stored.changed) : undefined);
    if (stored.refused.length === 0) return OK();
    const modified = uid ? stored.refused : stored.refused.map((each) => selected.view.sequenceOf(each));
    return OK('some were changed by others', `[MODIFIED ${formatNumbers(modified)}]`);
  },
};

/** A client that asks for an answer gets one for each message, changed or not. */
function tellUnchanged(session: Session, uids: readonly Uid[], changed: ReadonlySet<Uid>): void {
  const { selected, mailbox } = session.mailbox();
  for (const uid of uids) {
    const index = mailbox.indexOf(uid);
    if (changed.has(uid) || index < 0) continue;
    const { flags, modseq } = mailbox.at(index);
    const condstore = session.condstore ? ` MODSEQ (${modseq})` : '';
    session.output.line(
      `* ${selected.view.sequenceOf(uid)} FETCH (UID ${uid} FLAGS (${flags.join(' ')})${condstore})`,
    );
  }
}

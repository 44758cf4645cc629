/** EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1). */
import type { SequenceSet } from '../codec/types.ts';
import { NO_SUCH_MESSAGE, OK, READ_ONLY } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

export interface ExpungeCommand {
  readonly name: 'EXPUNGE';
  /** Of UID EXPUNGE. */
  readonly uids: SequenceSet | undefined;
}

export const expunge: CommandSpec<ExpungeCommand> = {
  name: 'EXPUNGE',
  phases: SELECTED,
  hasUidForm: true,
  capabilities: { afterLogin: ['UIDPLUS'] }, // and APPENDUID, COPYUID
  repeat: 'transaction',
  tells: 'all',

  /** "EXPUNGE" / "UID" SP "EXPUNGE" SP sequence-set */
  parse(reader, uid) {
    if (!uid) return { name: 'EXPUNGE', uids: undefined };
    reader.space();
    return { name: 'EXPUNGE', uids: reader.sequenceSet() };
  },

  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    if (selected.readOnly) return READ_ONLY;
    const uids = command.uids && (await session.ranges(command.uids, true));
    if (command.uids !== undefined && uids === undefined) return NO_SUCH_MESSAGE;
    if (mailbox.deleted > 0) await session.account.expunge(mailbox.id, uids, session.transaction);
    return OK('expunged');
  },
};

/** COPY (RFC 9051 section 6.4.7) and MOVE (section 6.4.8), with COPYUID (RFC 4315). */
import { failureCode } from '../../lib/failure.ts';
import type { Copied } from '../../store/account/types.ts';
import { formatNumbers } from '../codec/sequenceSet.ts';
import type { Session } from '../session/session.ts';
import {
  type CommandOf,
  NO_SUCH_MESSAGE,
  NO_TARGET,
  OK,
  type Outcome,
  READ_ONLY,
  type Rule,
} from './outcome.ts';

export const copy: Rule<CommandOf<'COPY' | 'MOVE'>> = {
  selected: true,
  tells: 'all',
  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    const move = command.name === 'MOVE';
    if (move && selected.readOnly) return READ_ONLY;
    const uids = session.messages(command.set, command.uid);
    if (uids === undefined) return NO_SUCH_MESSAGE;
    const target = session.account.mailbox(command.mailbox);
    if (target === undefined || !target.selectable) return NO_TARGET;
    if (uids.length === 0) return OK('no such messages');
    try {
      const operation = move ? 'move' : 'copy';
      return told(
        session,
        await session.account[operation](mailbox.id, uids, target.id, session.transaction),
        move,
      );
    } catch (error) {
      if (failureCode(error) === 'not-found') return NO_TARGET; // deleted since we looked
      throw error;
    }
  },
};

function told(session: Session, copied: Copied, move: boolean): Outcome {
  if (copied.uids.length === 0) return OK('no such messages');
  const from = formatNumbers(copied.uids.map(([uid]) => uid));
  const to = formatNumbers(copied.uids.map(([, uid]) => uid));
  const code = `[COPYUID ${copied.uidValidity} ${from} ${to}]`;
  if (!move) return OK('copied', code);
  // RFC 6851 section 4.3: before the EXPUNGEs, as an untagged OK.
  session.output.line(`* OK ${code} moved`);
  return OK('moved');
}

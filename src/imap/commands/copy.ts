/** COPY (RFC 3501 section 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315). */
import { failureCode } from '../../lib/failure.ts';
import { newUids } from '../../store/account/copied.ts';
import type { Copied } from '../../store/account/types.ts';
import type { SequenceSet } from '../codec/types.ts';
import type { Session } from '../session/session.ts';
import { NO, NO_SUCH_MESSAGE, NO_TARGET, OK, type Outcome, READ_ONLY } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

export interface CopyCommand {
  readonly name: 'COPY' | 'MOVE';
  readonly uid: boolean;
  readonly set: SequenceSet;
  readonly mailbox: string;
}

export const copy: CommandSpec<CopyCommand> = { ...transfer('COPY'), repeat: 'none' };

export const move: CommandSpec<CopyCommand> = {
  ...transfer('MOVE'),
  capabilities: { afterLogin: ['MOVE'] },
  repeat: 'transaction',
};

function transfer(name: CopyCommand['name']): Omit<CommandSpec<CopyCommand>, 'repeat'> {
  return {
    name,
    phases: SELECTED,
    hasUidForm: true,
    tells: 'all',

    /** copy = "COPY" SP sequence-set SP mailbox; MOVE alike */
    parse(reader, uid) {
      reader.space();
      const set = reader.sequenceSet();
      reader.space();
      return { name, uid, set, mailbox: reader.mailbox() };
    },

    run,
  };
}

async function run(session: Session, command: CopyCommand): Promise<Outcome> {
  const { selected, mailbox } = session.mailbox();
  const isMove = command.name === 'MOVE';
  if (isMove && selected.readOnly) return READ_ONLY;
  const uids = await session.ranges(command.set, command.uid);
  if (uids === undefined) return NO_SUCH_MESSAGE;
  const target = session.account.mailbox(command.mailbox);
  if (target === undefined || !target.selectable) return NO_TARGET;
  if (uids.length === 0) return OK('no such messages');
  // RFC 2180 section 4.4.1: a COPY is of all it names or of none; a UID that is gone is named by nobody's mistake.
  // After a MOVE that was done by an owner before this one all of them are, and the transaction knows where they went.
  if (!command.uid && !session.isRepeated && (await session.someGone(uids))) return EXPUNGED;
  try {
    const operation = isMove ? 'move' : 'copy';
    return await told(
      session,
      await session.account[operation](mailbox.id, uids, target.id, session.transaction),
      isMove,
    );
  } catch (error) {
    if (failureCode(error) === 'not-found') return NO_TARGET; // deleted since we looked
    throw error;
  }
}

const EXPUNGED = NO('some of these have been expunged', '[EXPUNGEISSUED]');

async function told(session: Session, copied: Copied, isMove: boolean): Promise<Outcome> {
  if (copied.from.length === 0) return OK('no such messages');
  // RFC 4315 section 3: two sets that name as many messages, in the same order.
  const [from, to] = [await session.formatted(copied.from), await session.formatted(newUids(copied))];
  const code = `[COPYUID ${copied.uidValidity} ${from} ${to}]`;
  if (!isMove) return OK('copied', code);
  // RFC 6851 section 4.3: before the EXPUNGEs, as an untagged OK.
  session.output.line(`* OK ${code} moved`);
  return OK('moved');
}

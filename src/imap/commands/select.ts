/** SELECT and EXAMINE (RFC 3501 sections 6.3.1 and 6.3.2), with HIGHESTMODSEQ (RFC 7162) and MAILBOXID (RFC 8474). */
import type { Mailbox } from '../../store/account/types.ts';
import { SyntaxProblem } from '../codec/reader.ts';
import { flagsLines } from '../session/flags.ts';
import type { Session } from '../session/session.ts';
import { NO, NO_MAILBOX, OK, type Outcome } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface SelectCommand {
  readonly name: 'SELECT' | 'EXAMINE';
  readonly mailbox: string;
  /** RFC 7162 section 3.1.8. */
  readonly condstore: boolean;
}

export const select = selecting('SELECT');
export const examine = selecting('EXAMINE');

function selecting(name: SelectCommand['name']): CommandSpec<SelectCommand> {
  return {
    name,
    phases: LOGGED_IN,
    repeat: 'safe',
    selects: true,
    tells: 'nothing',

    /** select = "SELECT" SP mailbox [select-params], RFC 4466; EXAMINE alike */
    parse(reader) {
      reader.space();
      const mailbox = reader.mailbox();
      let condstore = false;
      if (reader.acceptSpaceBeforeMore())
        reader.list(() => {
          if (reader.keyword('expected a parameter') !== 'CONDSTORE')
            throw new SyntaxProblem('unknown parameter');
          condstore = true;
        });
      return { name, mailbox, condstore };
    },

    run(session, command) {
      leave(session);
      if (command.condstore) session.enableCondstore();
      const mailbox = session.account.mailbox(command.mailbox);
      if (mailbox === undefined) return NO_MAILBOX;
      if (!mailbox.selectable) return NO('this name holds no messages', '[NONEXISTENT]');
      return open(session, mailbox, name === 'EXAMINE');
    },
  };
}

/** RFC 7162 section 3.2.11, CLOSED: what comes after it is about the next mailbox. */
function leave(session: Session): void {
  if (session.selected !== undefined)
    session.output.line('* OK [CLOSED] previous mailbox is no longer selected');
  session.selected = undefined;
}

function open(session: Session, mailbox: Mailbox, readOnly: boolean): Outcome {
  const { output } = session;
  const [flags, permanentFlags] = flagsLines(mailbox.keywords, readOnly);
  const { recentTold } = session.select(mailbox, readOnly);
  output.lines([flags, `* ${mailbox.exists} EXISTS`, `* ${recentTold} RECENT`]);
  const unseen = mailbox.firstUnseen + 1;
  if (unseen > 0) output.line(`* OK [UNSEEN ${unseen}] first unseen message`);
  output.line(permanentFlags);
  output.line(`* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs valid`);
  output.line(`* OK [UIDNEXT ${mailbox.uidNext}] predicted next UID`);
  output.line(`* OK [HIGHESTMODSEQ ${mailbox.highestModseq}] highest`);
  output.line(`* OK [MAILBOXID (F${mailbox.id})] mailbox id`);
  return OK('selected', readOnly ? '[READ-ONLY]' : '[READ-WRITE]');
}

/** STORE and UID STORE (RFC 3501 section 6.4.6) with UNCHANGEDSINCE (RFC 7162 section 3.1.3). */
import { type UidRange, type UidRanges, without } from '../../store/account/ranges.ts';
import type { Mailbox, Message, ModSeq } from '../../store/account/types.ts';
import { SyntaxProblem } from '../codec/reader.ts';
import type { Flag, SequenceSet } from '../codec/types.ts';
import { Believed } from '../session/believed.ts';
import type { Session } from '../session/session.ts';
import { NO_SUCH_MESSAGE, OK, READ_ONLY } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

export interface StoreCommand {
  readonly name: 'STORE';
  readonly uid: boolean;
  readonly set: SequenceSet;
  readonly mode: 'add' | 'remove' | 'replace';
  readonly silent: boolean;
  readonly flags: readonly Flag[];
  /** RFC 7162; 0 is allowed and matches only messages that have never had a modseq. */
  readonly unchangedSince: number | undefined;
}

const ITEMS: ReadonlyMap<string, Pick<StoreCommand, 'mode' | 'silent'>> = new Map([
  ['FLAGS', { mode: 'replace', silent: false }],
  ['FLAGS.SILENT', { mode: 'replace', silent: true }],
  ['+FLAGS', { mode: 'add', silent: false }],
  ['+FLAGS.SILENT', { mode: 'add', silent: true }],
  ['-FLAGS', { mode: 'remove', silent: false }],
  ['-FLAGS.SILENT', { mode: 'remove', silent: true }],
]);

export const store: CommandSpec<StoreCommand> = {
  name: 'STORE',
  phases: SELECTED,
  hasUidForm: true,
  repeat: 'transaction',
  tells: 'nothing', // it tells them itself: which are silent depends on what was stored

  /** store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags */
  parse(reader, uid) {
    reader.space();
    const set = reader.sequenceSet();
    reader.space();
    let unchangedSince: number | undefined;
    if (reader.isAt('(')) {
      reader.list(() => {
        if (reader.keyword('expected a modifier') !== 'UNCHANGEDSINCE')
          throw new SyntaxProblem('unknown modifier');
        reader.space();
        unchangedSince = reader.number64();
      });
      reader.space();
    }
    const item = ITEMS.get(reader.keyword('expected FLAGS'));
    if (item === undefined) throw new SyntaxProblem('expected FLAGS, +FLAGS or -FLAGS');
    reader.space();
    const flags = reader.isAt('(') ? reader.flagList() : reader.bareFlags();
    return { name: 'STORE', uid, set, ...item, flags, unchangedSince };
  },

  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    if (selected.readOnly) return READ_ONLY;
    const uids = await session.ranges(command.set, command.uid);
    if (uids === undefined) return NO_SUCH_MESSAGE;
    const { mode, flags, unchangedSince, silent, uid } = command;
    if (unchangedSince !== undefined) session.enableCondstore();
    const believed = silent ? await believedOf(session, uids, command) : undefined;
    const change = {
      uids,
      mode,
      flags,
      ...(unchangedSince !== undefined && { unchangedSince: unchangedSince as ModSeq }),
    };
    const { changed, refused } = await session.account.storeFlags(mailbox.id, change, session.transaction);
    await session.tell(unchangedLines(session, command, without(uids, changed), silent ? refused : []));
    // RFC 3501 section 7.4.1: no EXPUNGE in answer to STORE; UID STORE may have them.
    await session.tellChanges(uid, { ...(believed && { flags: (one, now) => believed.holds(one, now) }) });
    if (refused.length === 0) {
      const missing = !uid && (await session.someGone(uids));
      return missing ? OK('some of these have been expunged', '[EXPUNGEISSUED]') : OK(); // RFC 2180 section 4.2
    }
    const modified = uid ? refused : await selected.view.sequencesOf(refused, session.slices());
    return OK('some were changed by others', `[MODIFIED ${await session.formatted(modified)}]`);
  },
};

/** The flags that the client knows of these messages: not of one whose last change it was not told of. */
async function believedOf(session: Session, uids: UidRanges, command: StoreCommand): Promise<Believed> {
  const { selected, mailbox } = session.mailbox();
  const slices = session.slices();
  const believed = new Believed(command);
  for (const range of uids)
    for (const { uid, flags, modseq } of messagesIn(mailbox, range)) {
      if (modseq <= selected.view.told.changes) believed.knew(uid, flags);
      if (slices.due) await slices.rest();
    }
  return believed;
}

/**
 * A client that asks for an answer gets one for each message, changed or not. With .SILENT only a conditional STORE has
 * one, the modseq of each message that passed the test (RFC 7162 section 3.1.3). Those that were changed are told as such.
 */
function* unchangedLines(
  session: Session,
  { silent, unchangedSince }: StoreCommand,
  untouched: Iterable<UidRange>,
  except: UidRanges,
): Generator<string | undefined> {
  if (silent && unchangedSince === undefined) return;
  const { selected, mailbox } = session.mailbox();
  for (const range of untouched) {
    yield undefined; // for a range that no message is left of
    for (const left of without([range], except))
      for (const message of messagesIn(mailbox, left))
        yield session.flagsLine(selected.view.sequenceOf(message.uid), message, !silent);
  }
}

/** The messages that are there when their turn comes, also where it is left for a while between two of them. */
function* messagesIn(mailbox: Mailbox, [first, last]: UidRange): Generator<Message> {
  for (let uid = first; uid <= last; uid++) {
    const index = mailbox.lowerBound(uid);
    if (index === mailbox.exists) return;
    const message = mailbox.at(index);
    ({ uid } = message);
    if (uid <= last) yield message;
  }
}

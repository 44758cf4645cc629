/** FETCH and UID FETCH (RFC 9051 section 6.4.5) with CHANGEDSINCE (RFC 7162 section 3.1.4). */
import type { ModSeq, Uid } from '../../store/account/types.ts';
import type { FetchCommand, FetchItem } from '../codec/types.ts';
import { join } from '../codec/write.ts';
import { MessageContent } from '../session/content.ts';
import { factsOf, fetchResponse, setsSeen } from '../session/fetch.ts';
import type { Session } from '../session/session.ts';
import { Slices } from '../session/slices.ts';
import { NO_SUCH_MESSAGE, OK, type Rule } from './outcome.ts';

export const fetch: Rule<FetchCommand> = {
  selected: true,
  tells: 'nothing', // it tells them itself: what it answers need not be told again
  async run(session, command) {
    const named = session.messages(command.set, command.uid);
    if (named === undefined) return NO_SUCH_MESSAGE;
    const { changedSince } = command;
    // RFC 7162 section 3.1.4: both are CONDSTORE enabling.
    if (changedSince !== undefined || command.items.some(({ kind }) => kind === 'MODSEQ'))
      session.enabled.add('CONDSTORE');
    const uids = changedSince === undefined ? named : changedOnes(session, named, changedSince);
    const seen = await setSeen(session, uids, command.items);
    // The view is what it was when an earlier owner began, so its messages are the same; those changed since are not.
    if (changedSince === undefined) session.progress ??= 0;
    const missing = await answer(session, uids, itemsOf(session, command), seen);
    // RFC 9051 section 7.5.1: no EXPUNGE in answer to FETCH; UID FETCH may have them.
    session.tellChanges(command.uid, seen);
    return missing && !command.uid ? OK('some of these have been expunged', '[EXPUNGEISSUED]') : OK();
  },
};

function changedOnes(session: Session, named: readonly Uid[], changedSince: number): readonly Uid[] {
  const changed = new Set(session.mailbox().mailbox.changedSince(changedSince as ModSeq));
  return named.filter((uid) => changed.has(uid));
}

function itemsOf(session: Session, command: FetchCommand): readonly FetchItem[] {
  const items = [...command.items];
  const has = (kind: FetchItem['kind']): boolean => items.some((item) => item.kind === kind);
  if (command.uid && !has('UID')) items.unshift({ kind: 'UID' });
  const flagsOrChanges = has('FLAGS') || command.changedSince !== undefined;
  if (session.condstore && flagsOrChanges && !has('MODSEQ')) items.push({ kind: 'MODSEQ' });
  return items;
}

/** Sets \Seen first, so that FLAGS in the same response are right; gives the UIDs it changed. */
async function setSeen(
  session: Session,
  uids: readonly Uid[],
  items: readonly FetchItem[],
): Promise<ReadonlySet<Uid>> {
  const { selected, mailbox } = session.mailbox();
  if (selected.readOnly || mailbox.unseen === 0 || !items.some(setsSeen)) return new Set();
  const unseen = uids.filter((uid) => {
    const index = mailbox.indexOf(uid);
    return index >= 0 && !mailbox.at(index).flags.includes('\\Seen');
  });
  if (unseen.length === 0) return new Set();
  const change = { uids: unseen, mode: 'add', flags: ['\\Seen'] } as const;
  const { changed } = await session.account.storeFlags(mailbox.id, change, session.transaction);
  return new Set(changed);
}

/** One response for each message that is still there; true when some are not. */
async function answer(
  session: Session,
  uids: readonly Uid[],
  items: readonly FetchItem[],
  seen: ReadonlySet<Uid>,
): Promise<boolean> {
  const { account, output } = session;
  const slices = new Slices(session.clock, account.gone);
  const withFlags: readonly FetchItem[] = items.some(({ kind }) => kind === 'FLAGS')
    ? items
    : [...items, { kind: 'FLAGS' }];
  let missing = false;
  for (const uid of uids.slice(session.progress ?? 0)) {
    if (slices.due) await slices.rest();
    const { selected, mailbox } = session.mailbox();
    const index = mailbox.indexOf(uid);
    if (session.progress !== undefined) session.progress++;
    if (index < 0) {
      missing = true;
      continue;
    }
    const message = mailbox.at(index);
    const content = new MessageContent(
      message.size,
      (from, octets) => account.read(message, from, octets),
      slices,
    );
    const sequence = selected.view.sequenceOf(uid);
    const wanted = seen.has(uid) ? withFlags : items;
    output.bytes(
      join(await fetchResponse(sequence, factsOf(message), content, wanted, { utf8: session.utf8 })),
    );
    await output.flushIfLarge();
  }
  return missing;
}

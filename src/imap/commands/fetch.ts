/** FETCH and UID FETCH (RFC 3501 section 6.4.5) with CHANGEDSINCE (RFC 7162 section 3.1.4). */
import { Failure } from '../../lib/failure.ts';
import { MessageContent } from '../../message/content.ts';
import { holdsUid, RangeBuilder, type UidRanges } from '../../store/account/ranges.ts';
import type { ModSeq, Uid } from '../../store/account/types.ts';
import { SyntaxProblem } from '../codec/reader.ts';
import type { SequenceSet } from '../codec/types.ts';
import { join, type Piece } from '../codec/write.ts';
import type { Fetched, FetchPiece } from '../fetch/item.ts';
import { factsOf, fetchResponse, isLater, setsSeen } from '../fetch/response.ts';
import { type FetchItem, fetchItemSpec, fetchItems } from '../fetch/table.ts';
import { inSlices } from '../session/in-slices.ts';
import type { Output } from '../session/output.ts';
import type { Session } from '../session/session.ts';
import { NO_SUCH_MESSAGE, OK } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

export interface FetchCommand {
  readonly name: 'FETCH';
  readonly uid: boolean;
  readonly set: SequenceSet;
  /** As asked for, duplicates removed; UID FETCH's implicit UID is not added here. */
  readonly items: readonly FetchItem[];
  /** RFC 7162. */
  readonly changedSince: number | undefined;
}

export const fetch: CommandSpec<FetchCommand> = {
  name: 'FETCH',
  phases: SELECTED,
  hasUidForm: true,
  repeat: 'safe',
  tells: 'nothing', // it tells them itself: what it answers need not be told again

  /** fetch = "FETCH" SP sequence-set SP (macro / fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers] */
  parse(reader, uid) {
    reader.space();
    const set = reader.sequenceSet();
    reader.space();
    const items = fetchItems(reader);
    let changedSince: number | undefined;
    if (reader.acceptSpaceBeforeMore())
      reader.list(() => {
        if (reader.keyword('expected a modifier') !== 'CHANGEDSINCE')
          throw new SyntaxProblem('unknown modifier');
        reader.space();
        changedSince = reader.number64();
        // RFC 7162 section 7: mod-sequence-value is at least 1 here.
        if (changedSince === 0) throw new SyntaxProblem('0 is not allowed here');
      });
    return { name: 'FETCH', uid, set, items, changedSince };
  },

  async run(session, command) {
    const named = await session.messages(command.set, command.uid);
    if (named === undefined) return NO_SUCH_MESSAGE;
    const { changedSince } = command;
    // RFC 7162 section 3.1.4: both are CONDSTORE enabling.
    if (changedSince !== undefined || command.items.some((item) => fetchItemSpec(item).enablesCondstore))
      session.enableCondstore();
    const uids = changedSince === undefined ? named : await changedOnes(session, named, changedSince);
    const seen = await setSeen(session, uids, command.items);
    // The view is what it was when an earlier owner began, so its messages are the same; those changed since are not.
    if (changedSince === undefined) session.progress ??= 0;
    const { missing, answered } = await answer(session, uids, itemsOf(session, command), seen);
    // RFC 3501 section 7.4.1: no EXPUNGE in answer to FETCH; UID FETCH may have them.
    await session.tellChanges(command.uid, { answered });
    // RFC 2180 section 4.1: what others have expunged is left out, and the client told that something was.
    return missing && !command.uid ? OK('some of these have been expunged', '[EXPUNGEISSUED]') : OK();
  },
};

/** Both lists ascend. */
async function changedOnes(
  session: Session,
  named: readonly Uid[],
  changedSince: number,
): Promise<readonly Uid[]> {
  const changed = session.mailbox().mailbox.changedSince(changedSince as ModSeq);
  let at = 0;
  return inSlices(named, session.slices(), (uid) => {
    while (at < changed.length && changed[at]! < uid) at++;
    return changed[at] === uid;
  });
}

function itemsOf(session: Session, command: FetchCommand): readonly FetchItem[] {
  const items = [...command.items];
  if (command.uid && !has(items, 'UID')) items.unshift({ kind: 'UID' });
  const flagsOrChanges = has(items, 'FLAGS') || command.changedSince !== undefined;
  return flagsOrChanges ? withModseq(session, items) : items;
}

/** RFC 7162 section 3.1: once CONDSTORE is enabled, flags are never told without the modseq. */
function withModseq(session: Session, items: readonly FetchItem[]): readonly FetchItem[] {
  return session.condstore && !has(items, 'MODSEQ') ? [...items, { kind: 'MODSEQ' }] : items;
}

function has(items: readonly FetchItem[], kind: FetchItem['kind']): boolean {
  return items.some((item) => item.kind === kind);
}

/** Sets \Seen first, so that FLAGS in the same response are right; gives the UIDs it changed. */
async function setSeen(
  session: Session,
  uids: readonly Uid[],
  items: readonly FetchItem[],
): Promise<UidRanges> {
  const { selected, mailbox } = session.mailbox();
  if (selected.readOnly || mailbox.unseen === 0 || !items.some(setsSeen)) return [];
  const slices = session.slices();
  const unseen = new RangeBuilder();
  for (const uid of uids) {
    if (slices.due) await slices.rest();
    const index = mailbox.indexOf(uid);
    if (index >= 0 && !mailbox.at(index).flags.includes('\\Seen')) unseen.add(uid);
  }
  if (unseen.ranges.length === 0) return [];
  const change = { uids: unseen.ranges, mode: 'add', flags: ['\\Seen'] } as const;
  const { changed } = await session.account.storeFlags(mailbox.id, change, session.transaction);
  return changed;
}

interface Answered {
  /** Some of the messages are no longer there. */
  readonly missing: boolean;
  /** The modseq of messages whose flags were in the answer and the client had not been told of. */
  readonly answered: ReadonlyMap<Uid, number>;
}

/** A response that is being made. */
interface Coming {
  readonly message: Fetched;
  readonly tellsFlags: boolean;
  readonly response: readonly FetchPiece[] | Promise<readonly FetchPiece[]>;
}

/** One response for each message that is still there. */
async function answer(
  session: Session,
  uids: readonly Uid[],
  items: readonly FetchItem[],
  seen: UidRanges,
): Promise<Answered> {
  const { view } = session.mailbox().selected;
  const slices = session.slices();
  const asksForFlags = has(items, 'FLAGS');
  // RFC 3501 section 6.4.5: flags that the command itself has changed are part of the response.
  const withFlags = asksForFlags ? items : withModseq(session, [...items, { kind: 'FLAGS' }]);
  const envelopes = session.envelopes.of(session.account, session.utf8);
  const answered = new Map<Uid, number>();
  let missing = false;

  const begin = (uid: Uid): Coming | undefined => {
    const { mailbox } = session.mailbox();
    const index = mailbox.indexOf(uid);
    if (index < 0) return undefined;
    const row = mailbox.at(index);
    const read = (from: number, octets: number): Promise<Buffer> => session.account.read(row, from, octets);
    const message = {
      facts: { ...factsOf(row), flags: session.flagsOf(row) },
      content: new MessageContent(row.size, read, slices),
      context: { utf8: session.utf8 },
      envelopes,
    };
    const tellsFlags = asksForFlags || holdsUid(seen, uid);
    const response = fetchResponse(view.sequenceOf(uid), message, tellsFlags ? withFlags : items);
    // One that fails is found when its turn comes; those behind it are nobody's then.
    if (response instanceof Promise) response.catch(() => undefined);
    return { message, tellsFlags, response };
  };

  const left = uids.slice(session.progress ?? 0);
  for (let at = 0; at < left.length; ) {
    if (slices.due) await slices.rest();
    const ahead: (Coming | undefined)[] = [];
    for (let octets = 0; at < left.length && ahead.length < AHEAD_MAX && octets < AHEAD_OCTETS; at++) {
      const coming = begin(left[at]!);
      ahead.push(coming);
      octets += coming?.message.content.size ?? 0;
    }
    for (const coming of ahead) {
      if (session.progress !== undefined) session.progress++;
      if (coming === undefined) {
        missing = true;
        continue;
      }
      await write(session.output, coming);
      const { facts } = coming.message;
      if (coming.tellsFlags && facts.modseq > view.told.changes) answered.set(facts.uid, facts.modseq);
    }
  }
  return { missing, answered };
}

/**
 * So much is read at a time, as reads that are asked for together are done together; the message that goes above it is
 * the last. None is begun before those of the last time have gone to the client.
 */
const AHEAD_MAX = 128;
const AHEAD_OCTETS = 512 * 1024;

async function write(output: Output, { message, response }: Coming): Promise<void> {
  const pieces = response instanceof Promise ? await response : response;
  if (pieces.some(isLater)) await writeLarge(output, pieces, message.content);
  else output.bytes(join(pieces as readonly Piece[]));
  if (output.isLarge) await output.flush(undefined);
}

/** Octet by octet what was announced, or a failure: the client counts them. */
async function writeLarge(
  output: Output,
  response: readonly FetchPiece[],
  content: MessageContent,
): Promise<void> {
  for (const piece of response) {
    if (!isLater(piece)) {
      await output.part(join([piece]));
      continue;
    }
    let left = piece.to - piece.from;
    for await (const chunk of content.chunks(piece.from, piece.to)) {
      left -= chunk.length;
      await output.part(chunk);
    }
    if (left !== 0) throw new Failure('damaged', 'the message is shorter than it should be');
  }
  output.whole();
}

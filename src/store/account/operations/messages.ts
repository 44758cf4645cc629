/** APPEND, STORE, COPY, MOVE and EXPUNGE (RFC 9051 sections 6.3.12, 6.4.3 to 6.4.8; RFC 7162 for UNCHANGEDSINCE). */
import { Failure } from '../../../lib/failure.ts';
import type { Change, FlagsChanged } from '../changes.ts';
import { combine, DELETED, type FlagSet, keywordsWithin, parseFlags } from '../flags.ts';
import { DATE_MS_MAX } from '../limits.ts';
import type { MailboxState } from '../mailbox-state.ts';
import { RangeBuilder, type UidRanges } from '../ranges.ts';
import type { Copied, FlagChange, MailboxId, NewMessage, Uid } from '../types.ts';
import { type Plan, type Situation, selectable } from './plan.ts';
import {
  checkAccountRoom,
  checkKeywords,
  checkRoom,
  expungeSpans,
  type Span,
  targetOf,
  transfer,
} from './transfer.ts';

export function planAppend(situation: Situation, id: MailboxId, message: NewMessage): Plan<'append'> {
  const { state, limits } = situation;
  const mailbox = selectable(state, id);
  if (message.content.length > limits.messageOctetsMax)
    throw new Failure('limit', `message is longer than ${limits.messageOctetsMax} octets`);
  // Plus 0: a date a part of a millisecond before 1970 would be -0 here and 0 when it is replayed.
  const dateMs = Math.trunc(message.internalDateMs) + 0;
  if (!(Math.abs(dateMs) <= DATE_MS_MAX)) throw new Failure('invalid', 'internal date out of range');
  const flagSet = mailbox.keywords.spelled(parseFlags(message.flags, limits));
  checkRoom(limits, targetOf(mailbox), 1);
  checkAccountRoom(situation, 1);
  checkKeywords(limits, mailbox, [flagSet]);
  const blob = state.blobs.nextId;
  const uid = mailbox.uidNext as Uid;
  const changes: readonly Change[] = [
    { kind: 'blob', blob, meta: [], content: message.content },
    {
      kind: 'messages-added',
      mailbox: id,
      flagSets: [flagSet],
      messages: [{ uid, blob, dateMs, flags: 0 }],
    },
  ];
  return { changes, result: { uidValidity: mailbox.uidValidity, uid } };
}

export function planStoreFlags(situation: Situation, id: MailboxId, change: FlagChange): Plan<'storeFlags'> {
  const mailbox = selectable(situation.state, id);
  return planStoreRows(situation, mailbox, [...mailbox.rows.spans(change.uids)], change);
}

/** Of these rows, whatever `change.uids` says. */
export function planStoreRows(
  { limits }: Situation,
  mailbox: MailboxState,
  spans: readonly Span[],
  change: Omit<FlagChange, 'uids'>,
): Plan<'storeFlags'> {
  const given = mailbox.keywords.spelled(parseFlags(change.flags, limits));
  const unchangedSince = change.unchangedSince ?? Number.POSITIVE_INFINITY;
  const changed = new RangeBuilder();
  const refused = new RangeBuilder();
  /** By the flags word before: what comes of it is worked out once. */
  const groups = new Map<number, { flagSet: FlagSet; uids: RangeBuilder } | 'same'>();
  for (const [from, to] of spans)
    for (let index = from; index < to; index++) {
      const uid = mailbox.rows.uid(index);
      // RFC 7162 section 3.1.3: refused whether or not the flags would change.
      if (mailbox.rows.modseq(index) > unchangedSince) {
        refused.add(uid);
        continue;
      }
      const word = mailbox.rows.word(index);
      let group = groups.get(word);
      if (group === undefined) {
        const bits = mailbox.rows.bits(index);
        const keywords = mailbox.rows.keywords(index);
        const flagSet = combine(mailbox.keywords.flagSet(bits, keywords), change.mode, given);
        keywordsWithin(flagSet, limits);
        const same = mailbox.keywords.same(bits, keywords, flagSet);
        group = same ? 'same' : { flagSet, uids: new RangeBuilder() };
        groups.set(word, group);
      }
      if (group === 'same') continue;
      group.uids.add(uid);
      changed.add(uid);
    }
  const news = [...groups.values()].filter((group) => group !== 'same');
  checkKeywords(
    limits,
    mailbox,
    news.map(({ flagSet }) => flagSet),
  );
  const result = { changed: changed.ranges, refused: refused.ranges };
  if (news.length === 0) return { changes: [], result };
  const flagsChanged: FlagsChanged = {
    kind: 'flags-changed',
    mailbox: mailbox.id,
    groups: news.map(({ flagSet, uids }) => ({ flagSet, uids: uids.ranges })),
  };
  return { changes: [flagsChanged], result };
}

export function planCopy(
  situation: Situation,
  fromId: MailboxId,
  uids: UidRanges,
  toId: MailboxId,
): Plan<'copy'> {
  const from = selectable(situation.state, fromId);
  const to = selectable(situation.state, toId);
  const { added, from: taken } = transfer(situation, from, [...from.rows.spans(uids)], targetOf(to));
  checkAccountRoom(situation, added.messages.length);
  return { changes: taken.length === 0 ? [] : [added], result: copiedTo(to, taken) };
}

export function planMove(
  situation: Situation,
  fromId: MailboxId,
  uids: UidRanges,
  toId: MailboxId,
): Plan<'move'> {
  const from = selectable(situation.state, fromId);
  return planMoveRows(situation, from, [...from.rows.spans(uids)], toId);
}

/** RFC 6851 section 3.3: no message is in both mailboxes, or in neither, at any time. */
export function planMoveRows(
  situation: Situation,
  from: MailboxState,
  spans: readonly Span[],
  toId: MailboxId,
): Plan<'move'> {
  const to = selectable(situation.state, toId);
  const { added, from: taken } = transfer(situation, from, spans, targetOf(to));
  const result = copiedTo(to, taken);
  if (taken.length === 0) return { changes: [], result };
  return { changes: [added, expungeSpans(from, spans, situation.wallMs)], result };
}

/** To be asked before the change is applied. */
function copiedTo(to: MailboxState, from: UidRanges): Copied {
  const { uidValidity, uidNext } = to;
  return { uidValidity, from, runs: from.length === 0 ? [] : [{ at: 0, to: uidNext }] };
}

export function planExpunge(
  situation: Situation,
  id: MailboxId,
  uids: UidRanges | undefined,
): Plan<'expunge'> {
  const mailbox = selectable(situation.state, id);
  const { rows } = mailbox;
  const spans = uids === undefined ? [[0, rows.count] as const] : [...rows.spans(uids)];
  return planExpungeRows(situation, mailbox, spans);
}

/** Those of these rows that have \Deleted. */
export function planExpungeRows(
  { wallMs }: Situation,
  { id, rows, deleted }: MailboxState,
  spans: readonly Span[],
): Plan<'expunge'> {
  const builder = new RangeBuilder();
  if (deleted > 0)
    for (const [from, to] of spans)
      for (let index = from; index < to; index++)
        if ((rows.bits(index) & DELETED) !== 0) builder.add(rows.uid(index));
  const gone = builder.ranges;
  if (gone.length === 0) return { changes: [], result: [] };
  return { changes: [{ kind: 'expunged', mailbox: id, wallMs, uids: gone }], result: gone };
}

/** Messages of one mailbox as new messages of another: what COPY, MOVE and RENAME of INBOX share. Contents stay where they are. */
import { Failure } from '../../../lib/failure.ts';
import type { AddedMessage, Expunged, MessagesAdded } from '../changes.ts';
import { FlagNumbering } from '../flag-numbering.ts';
import { type FlagSet, fold } from '../flags.ts';
import { keyOf, setOctets } from '../keywords.ts';
import { type AccountLimits, UID_MAX } from '../limits.ts';
import type { MailboxState } from '../mailbox-state.ts';
import { RangeBuilder, type UidRanges } from '../ranges.ts';
import type { Situation } from './plan.ts';

/** Rows [from, to). */
export type Span = readonly [from: number, to: number];

/** Where messages go: a mailbox there is, or one that the same commit makes. */
export interface Target {
  readonly mailbox: number;
  readonly uidNext: number;
  readonly present?: MailboxState;
}

export function targetOf(mailbox: MailboxState): Target {
  return { mailbox: mailbox.id, uidNext: mailbox.uidNext, present: mailbox };
}

export interface Transfer {
  readonly added: MessagesAdded;
  /** The messages by their UIDs in the source; in the target they have those from its `uidNext` on. */
  readonly from: UidRanges;
}

export function transfer(
  { limits }: Situation,
  from: MailboxState,
  spans: readonly Span[],
  to: Target,
): Transfer {
  const { rows } = from;
  const spelled = (flagSet: FlagSet): FlagSet => to.present?.keywords.spelled(flagSet) ?? flagSet;
  const numbering = new FlagNumbering(from, spelled);
  const messages: AddedMessage[] = [];
  const taken = new RangeBuilder();
  for (const [first, end] of spans)
    for (let index = first; index < end; index++) {
      const uid = to.uidNext + messages.length;
      messages.push({ uid, blob: rows.blob(index), dateMs: rows.dateMs(index), flags: numbering.of(index) });
      taken.add(rows.uid(index));
    }
  const { flagSets } = numbering;
  checkRoom(limits, to, messages.length);
  if (to.present !== undefined) checkKeywords(limits, to.present, flagSets);
  return { added: { kind: 'messages-added', mailbox: to.mailbox, flagSets, messages }, from: taken.ranges };
}

/** Failure 'limit' when a mailbox cannot take so many messages more. */
export function checkRoom(limits: AccountLimits, to: Target, count: number): void {
  if ((to.present?.rows.count ?? 0) + count > limits.messagesPerMailboxMax)
    throw new Failure('limit', `more than ${limits.messagesPerMailboxMax} messages in a mailbox`);
  if (to.uidNext + count > UID_MAX) throw new Failure('limit', 'no UIDs are left in the mailbox');
}

/** Failure 'limit' when the account cannot take so many messages more; what only moves needs no room. */
export function checkAccountRoom({ state, limits }: Situation, count: number): void {
  if (state.blobs.messages + count > limits.messagesPerAccountMax)
    throw new Failure('limit', `more than ${limits.messagesPerAccountMax} messages in an account`);
}

/** Failure 'limit' when these would be too many different keywords in a mailbox, or sets of them. */
export function checkKeywords(
  limits: AccountLimits,
  mailbox: MailboxState,
  flagSets: readonly FlagSet[],
): void {
  const fresh = new Set<string>();
  for (const { keywords } of flagSets)
    for (const keyword of keywords) if (!mailbox.keywords.has(keyword)) fresh.add(fold(keyword));
  if (fresh.size > 0 && mailbox.keywords.count + fresh.size > limits.keywordsPerMailboxMax)
    throw new Failure('limit', `more than ${limits.keywordsPerMailboxMax} keywords in a mailbox`);
  checkKeywordSets(limits, mailbox, flagSets);
}

/** The sets that messages leave with this very change are counted still: who is at the limit frees one first. */
function checkKeywordSets(
  limits: AccountLimits,
  { keywords: sets }: MailboxState,
  flagSets: readonly FlagSet[],
): void {
  const fresh = new Map<string, number>();
  for (const { keywords } of flagSets) {
    const key = keyOf(keywords);
    if (key !== '' && !sets.hasSet(key)) fresh.set(key, setOctets(key, keywords.length));
  }
  if (fresh.size === 0) return;
  if (sets.setCount + fresh.size > limits.keywordSetsPerMailboxMax)
    throw new Failure('limit', `more than ${limits.keywordSetsPerMailboxMax} sets of keywords in a mailbox`);
  const octets = fresh.values().reduce((sum, each) => sum + each, sets.octets);
  if (octets > limits.keywordSetsOctetsMax)
    throw new Failure('limit', `sets of keywords of more than ${limits.keywordSetsOctetsMax} octets`);
}

/** The rows' UIDs leave their mailbox. */
export function expungeSpans(from: MailboxState, spans: readonly Span[], wallMs: number): Expunged {
  const builder = new RangeBuilder();
  for (const [first, end] of spans)
    for (let index = first; index < end; index++) builder.add(from.rows.uid(index));
  return { kind: 'expunged', mailbox: from.id, wallMs, uids: builder.ranges };
}

export function expungeAll(from: MailboxState, wallMs: number): Expunged {
  return expungeSpans(from, [[0, from.rows.count]], wallMs);
}

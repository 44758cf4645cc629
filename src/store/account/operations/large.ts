/**
 * COPY, MOVE, STORE, EXPUNGE and RENAME of INBOX for many messages, in slices that each take a few milliseconds
 * (docs/architecture.md section 6, invariant 8). They differ, because the standards do:
 *
 * - COPY must leave the target as it was when it fails (RFC 9051 section 6.4.7). So its slices go where nobody sees them
 *   (staging.ts), and one record makes them all messages of the target; without that record they are nothing.
 * - MOVE is whole for each message, not for all of them (RFC 6851 section 3.3: each is moved or unaffected, also when the
 *   answer is NO). So each slice is an ordinary commit that moves its messages.
 * - RENAME of INBOX is such a move into a mailbox that its first slice makes (RFC 9051 section 6.3.6); what comes to INBOX
 *   after that stays there.
 * - STORE and EXPUNGE are whole for each message too (RFC 3501 sections 6.4.3 and 6.4.6 ask for no more, and other sessions
 *   see them one by one anyway). What a request that is sent again finds done is left as it is; only with `unchangedSince`
 *   it cannot tell its own first half from what others did, and names those messages as refused: the client looks at them
 *   and finds its flags there (RFC 7162 section 3.1.3), and nothing of anybody else was overwritten.
 *
 * A message is taken as it is when its slice comes: one that was expunged before is left out.
 */
import { Failure } from '../../../lib/failure.ts';
import type { Change, UnnumberedMessage } from '../changes.ts';
import { CopiedBuilder } from '../copied.ts';
import { FlagNumbering } from '../flag-numbering.ts';
import type { FlagSet } from '../flags.ts';
import { TRANSFER_WHOLE_MAX, UID_MAX } from '../limits.ts';
import { RangeBuilder, UidCursor, type UidRanges } from '../ranges.ts';
import type { Operation } from '../results.ts';
import { type AccountState, INBOX_ID } from '../state.ts';
import type { Copied, FlagChange, MailboxId } from '../types.ts';
import { planInboxTarget } from './mailboxes.ts';
import { planExpungeRows, planMoveRows, planStoreRows } from './messages.ts';
import { type Plan, type Situation, selectable } from './plan.ts';
import { checkAccountRoom, checkKeywords, checkRoom, targetOf } from './transfer.ts';

/** Whether these are more messages of the mailbox, or more ranges, than one turn is given. */
export function isLarge({ mailboxes }: AccountState, mailbox: MailboxId, uids: UidRanges): boolean {
  if (uids.length > TRANSFER_WHOLE_MAX) return true;
  let messages = 0;
  for (const [from, to] of mailboxes.get(mailbox)?.rows.spans(uids) ?? [])
    if ((messages += to - from) > TRANSFER_WHOLE_MAX) return true;
  return false;
}

/** What all do: plans of slices until `isComplete`, then the plan of the end. */
export interface Sliced<O extends Operation> {
  readonly isComplete: boolean;
  slice(situation: Situation): Plan<O>;
  finish(situation: Situation): Plan<O>;
}

export class LargeCopy implements Sliced<'copy'> {
  isComplete = false;
  /** Id of the staging, once there is one. */
  staging: number | undefined;
  readonly #from: MailboxId;
  readonly #to: MailboxId;
  readonly #cursor: UidCursor;
  readonly #copied = new RangeBuilder();
  #count = 0;
  readonly #flagSets: FlagSet[] = [];

  constructor(from: MailboxId, uids: UidRanges, to: MailboxId) {
    this.#from = from;
    this.#to = to;
    this.#cursor = new UidCursor(uids);
  }

  slice(situation: Situation): Plan<'copy'> {
    const { state, limits } = situation;
    const from = selectable(state, this.#from);
    const { rows } = from;
    const to = selectable(state, this.#to);
    const position = this.#count;
    const numbering = new FlagNumbering(from);
    const messages: UnnumberedMessage[] = [];
    for (const [first, end] of this.#cursor.next(rows, TRANSFER_WHOLE_MAX))
      for (let index = first; index < end; index++) {
        messages.push({ blob: rows.blob(index), dateMs: rows.dateMs(index), flags: numbering.of(index) });
        this.#copied.add(rows.uid(index));
      }
    this.isComplete = this.#cursor.isAtEnd;
    if (messages.length === 0) return { changes: [], result: UNFINISHED };
    this.#count += messages.length;
    const { flagSets } = numbering;
    // Looked at again in the end; but what cannot be is found here before it is written.
    checkRoom(limits, targetOf(to), this.#count);
    checkAccountRoom(situation, messages.length);
    checkKeywords(limits, to, flagSets);
    if (this.#count > limits.copyMessagesMax)
      throw new Failure('limit', `more than ${limits.copyMessagesMax} messages in one copy`);
    for (const flagSet of flagSets) this.#flagSets.push(flagSet);
    this.staging ??= state.modseq + 1;
    const staged: Change = { kind: 'messages-staged', staging: this.staging, position, flagSets, messages };
    return { changes: [staged], result: UNFINISHED };
  }

  finish({ state, limits }: Situation): Plan<'copy'> {
    const to = selectable(state, this.#to);
    const { uidValidity, uidNext } = to;
    const count = this.#count;
    if (this.staging === undefined) return { changes: [], result: { uidValidity, from: [], runs: [] } };
    checkRoom(limits, targetOf(to), count);
    checkKeywords(limits, to, this.#flagSets);
    const added: Change = {
      kind: 'staged-added',
      staging: this.staging,
      mailbox: this.#to,
      first: uidNext,
      count,
    };
    const result = { uidValidity, from: this.#copied.ranges, runs: [{ at: 0, to: uidNext }] };
    return { changes: [added], result };
  }
}

/** Of a slice: nobody sees it. */
const UNFINISHED: Copied = { uidValidity: 0, from: [], runs: [] };

export class LargeMove implements Sliced<'move'> {
  isComplete = false;
  readonly #from: MailboxId;
  readonly #to: MailboxId;
  readonly #cursor: UidCursor;
  readonly #moved = new CopiedBuilder();
  #uidValidity = 0;

  constructor(from: MailboxId, uids: UidRanges, to: MailboxId) {
    this.#from = from;
    this.#to = to;
    this.#cursor = new UidCursor(uids);
  }

  slice(situation: Situation): Plan<'move'> {
    const from = selectable(situation.state, this.#from);
    const spans = this.#cursor.next(from.rows, TRANSFER_WHOLE_MAX);
    const plan = planMoveRows(situation, from, spans, this.#to);
    this.isComplete = this.#cursor.isAtEnd;
    const { uidValidity, from: moved, runs } = plan.result;
    this.#uidValidity = uidValidity;
    for (const { to } of runs) this.#moved.add(moved, to);
    return plan;
  }

  /** Only the transaction's result is left to say. */
  finish(): Plan<'move'> {
    return { changes: [], result: this.#moved.done(this.#uidValidity) };
  }
}

export class LargeInboxRename implements Sliced<'renameMailbox'> {
  isComplete = false;
  readonly #name: string;
  #target: { readonly mailbox: MailboxId; readonly cursor: UidCursor } | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  slice(situation: Situation): Plan<'renameMailbox'> {
    const inbox = selectable(situation.state, INBOX_ID);
    if (this.#target === undefined) {
      const { changes, result } = planInboxTarget(situation, this.#name);
      this.#target = { mailbox: result, cursor: new UidCursor([[1, inbox.uidNext - 1]]) };
      return { changes, result: undefined };
    }
    const { cursor } = this.#target;
    const spans = cursor.next(inbox.rows, TRANSFER_WHOLE_MAX);
    this.isComplete = cursor.isAtEnd;
    const { changes } = planMoveRows(situation, inbox, spans, this.#target.mailbox);
    return { changes, result: undefined };
  }

  finish(): Plan<'renameMailbox'> {
    return { changes: [], result: undefined };
  }
}

export class LargeStore implements Sliced<'storeFlags'> {
  isComplete = false;
  readonly #mailbox: MailboxId;
  readonly #change: FlagChange;
  readonly #cursor: UidCursor;
  readonly #changed = new RangeBuilder();
  readonly #refused = new RangeBuilder();

  constructor(mailbox: MailboxId, change: FlagChange) {
    this.#mailbox = mailbox;
    this.#change = change;
    this.#cursor = new UidCursor(change.uids);
  }

  slice(situation: Situation): Plan<'storeFlags'> {
    const mailbox = selectable(situation.state, this.#mailbox);
    const spans = this.#cursor.next(mailbox.rows, TRANSFER_WHOLE_MAX);
    this.isComplete = this.#cursor.isAtEnd;
    const plan = planStoreRows(situation, mailbox, spans, this.#change);
    this.#changed.addAll(plan.result.changed);
    this.#refused.addAll(plan.result.refused);
    return plan;
  }

  finish(): Plan<'storeFlags'> {
    return { changes: [], result: { changed: this.#changed.ranges, refused: this.#refused.ranges } };
  }
}

/** Of a mailbox with so many messages that are to go; how many there are at all makes no difference. */
export class LargeExpunge implements Sliced<'expunge'> {
  isComplete = false;
  readonly #mailbox: MailboxId;
  readonly #cursor: UidCursor;
  readonly #gone = new RangeBuilder();

  /** `uids` undefined: all that have \Deleted when their slice comes. */
  constructor(mailbox: MailboxId, uids: UidRanges | undefined) {
    this.#mailbox = mailbox;
    this.#cursor = new UidCursor(uids ?? [[1, UID_MAX]]);
  }

  slice(situation: Situation): Plan<'expunge'> {
    const mailbox = selectable(situation.state, this.#mailbox);
    const spans = this.#cursor.next(mailbox.rows, TRANSFER_WHOLE_MAX);
    this.isComplete = this.#cursor.isAtEnd;
    const plan = planExpungeRows(situation, mailbox, spans);
    this.#gone.addAll(plan.result);
    return plan;
  }

  finish(): Plan<'expunge'> {
    return { changes: [], result: this.#gone.ranges };
  }
}

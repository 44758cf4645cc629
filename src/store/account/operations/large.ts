/**
 * COPY and MOVE of many messages, in slices that each take a few milliseconds (docs/architecture.md section 6, invariant
 * 8). The two differ, because the standards do:
 *
 * - COPY must leave the target as it was when it fails (RFC 9051 section 6.4.7). So its slices go where nobody sees them
 *   (staging.ts), and one record makes them all messages of the target; without that record they are nothing.
 * - MOVE is whole for each message, not for all of them (RFC 6851 section 3.3: each is moved or unaffected, also when the
 *   answer is NO). So each slice is an ordinary commit that moves its messages.
 *
 * A message is taken as it is when its slice comes: one that was expunged before is left out.
 */
import { Failure } from '../../../lib/failure.ts';
import type { Change, UnnumberedMessage } from '../changes.ts';
import type { FlagSet } from '../flags.ts';
import { COPY_MESSAGES_MAX, TRANSFER_WHOLE_MAX } from '../limits.ts';
import { RangeBuilder, rangesOf, UidCursor } from '../ranges.ts';
import { encodeCopied, type UidRun } from '../results.ts';
import type { MailboxId, Uid } from '../types.ts';
import { planMoveRows } from './messages.ts';
import { type Plan, type Situation, selectable } from './plan.ts';
import { checkKeywords, checkRoom, targetOf } from './transfer.ts';

export function isLarge(uids: readonly Uid[]): boolean {
  return uids.length > TRANSFER_WHOLE_MAX;
}

/** What both do: plans of slices until `isComplete`, then the plan of the end. */
export interface LargeTransfer<O extends 'copy' | 'move'> {
  readonly isComplete: boolean;
  slice(situation: Situation): Plan<O>;
  finish(situation: Situation): Plan<O>;
}

export class LargeCopy implements LargeTransfer<'copy'> {
  isComplete = false;
  /** Id of the staging, once there is one. */
  staging: number | undefined;
  readonly #from: MailboxId;
  readonly #to: MailboxId;
  readonly #cursor: UidCursor;
  readonly #copied = new RangeBuilder();
  /** The new UID is the position until the end. */
  readonly #uids: [Uid, Uid][] = [];
  readonly #flagSets: FlagSet[] = [];

  constructor(from: MailboxId, uids: readonly Uid[], to: MailboxId) {
    this.#from = from;
    this.#to = to;
    this.#cursor = new UidCursor(rangesOf(uids));
  }

  slice({ state, limits }: Situation): Plan<'copy'> {
    const { rows, keywords } = selectable(state, this.#from);
    const to = selectable(state, this.#to);
    const position = this.#uids.length;
    const flagSets: FlagSet[] = [];
    const numbers = new Map<number, number>();
    const messages: UnnumberedMessage[] = [];
    for (const [first, end] of this.#cursor.next(rows, TRANSFER_WHOLE_MAX))
      for (let index = first; index < end; index++) {
        const word = rows.word(index);
        let flags = numbers.get(word);
        if (flags === undefined) {
          flags = flagSets.push(keywords.flagSet(rows.bits(index), rows.keywords(index))) - 1;
          numbers.set(word, flags);
        }
        messages.push({ blob: rows.blob(index), dateMs: rows.dateMs(index), flags });
        this.#uids.push([rows.uid(index) as Uid, (position + messages.length - 1) as Uid]);
        this.#copied.add(rows.uid(index));
      }
    if (messages.length === 0) {
      this.isComplete = true;
      return { changes: [], result: { uidValidity: 0, uids: [] } };
    }
    // Looked at again in the end; but what cannot be is found here before it is written.
    checkRoom(limits, targetOf(to), this.#uids.length);
    if (this.#uids.length > COPY_MESSAGES_MAX)
      throw new Failure('limit', `more than ${COPY_MESSAGES_MAX} messages in one copy`);
    this.#flagSets.push(...flagSets);
    this.staging ??= state.modseq + 1;
    const staged: Change = { kind: 'messages-staged', staging: this.staging, position, flagSets, messages };
    return { changes: [staged], result: { uidValidity: 0, uids: [] } };
  }

  finish({ state, limits }: Situation): Plan<'copy'> {
    const to = selectable(state, this.#to);
    const { uidValidity, uidNext } = to;
    const count = this.#uids.length;
    const result = { uidValidity, uids: this.#uids };
    if (this.staging === undefined) return { changes: [], result };
    checkRoom(limits, targetOf(to), count);
    checkKeywords(limits, to, this.#flagSets);
    for (const pair of this.#uids) pair[1] = (pair[1] + uidNext) as Uid;
    const added: Change = {
      kind: 'staged-added',
      staging: this.staging,
      mailbox: this.#to,
      first: uidNext,
      count,
    };
    const encoded = encodeCopied('copy', uidValidity, this.#copied.ranges, [{ at: 0, to: uidNext }]);
    return { changes: [added], result, encoded };
  }
}

export class LargeMove implements LargeTransfer<'move'> {
  isComplete = false;
  readonly #from: MailboxId;
  readonly #to: MailboxId;
  readonly #cursor: UidCursor;
  readonly #moved = new RangeBuilder();
  readonly #runs: UidRun[] = [];
  readonly #uids: (readonly [Uid, Uid])[] = [];
  #uidValidity = 0;

  constructor(from: MailboxId, uids: readonly Uid[], to: MailboxId) {
    this.#from = from;
    this.#to = to;
    this.#cursor = new UidCursor(rangesOf(uids));
  }

  slice(situation: Situation): Plan<'move'> {
    const from = selectable(situation.state, this.#from);
    const spans = this.#cursor.next(from.rows, TRANSFER_WHOLE_MAX);
    const plan = planMoveRows(situation, from, spans, this.#to);
    this.isComplete = plan.changes.length === 0;
    this.#uidValidity = plan.result.uidValidity;
    for (const [uid, to] of plan.result.uids) {
      if (to !== (this.#uids.at(-1)?.[1] ?? 0) + 1 || this.#uids.length === 0)
        this.#runs.push({ at: this.#uids.length, to });
      this.#uids.push([uid, to]);
      this.#moved.add(uid);
    }
    return plan;
  }

  /** Only the transaction's result is left to say. */
  finish(): Plan<'move'> {
    const uidValidity = this.#uidValidity;
    const encoded = encodeCopied('move', uidValidity, this.#moved.ranges, this.#runs);
    return { changes: [], result: { uidValidity, uids: this.#uids }, encoded };
  }
}

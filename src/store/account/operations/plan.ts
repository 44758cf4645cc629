/**
 * An operation is planned by a pure function: it looks at the state and says which changes make one commit and what the
 * answer is, or throws a Failure. commits.ts appends, applies and settles the changes; so the checks of every operation
 * are made in one turn against the state that its changes are applied to.
 */
import { Failure } from '../../../lib/failure.ts';
import type { Change } from '../changes.ts';
import type { AccountLimits } from '../limits.ts';
import type { MailboxState } from '../mailbox-state.ts';
import type { Operation, Results } from '../results.ts';
import type { AccountState } from '../state.ts';

export interface Plan<O extends Operation> {
  /** In the order in which they are applied; none when there is nothing to change. */
  readonly changes: readonly Change[];
  readonly result: Results[O];
}

/** What a plan may look at. */
export interface Situation {
  readonly state: AccountState;
  readonly limits: AccountLimits;
  /** For UIDVALIDITY and the time of an expunge. */
  readonly wallMs: number;
}

/** A mailbox that messages can be in. Failure 'not-found'. */
export function selectable(state: AccountState, id: number): MailboxState {
  const mailbox = state.mailboxes.get(id);
  if (mailbox === undefined || !mailbox.selectable) throw new Failure('not-found', 'no such mailbox');
  return mailbox;
}

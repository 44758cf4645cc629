/**
 * A slot's share in the intents of first logs (docs/architecture.md, section 3 rule 5): reserves names, and later
 * finishes or undoes. Each function decides on the state in one turn and puts the record; every one can be repeated.
 *
 * Invariants: a step of a smaller epoch than one already heard for its intent is refused; a step of an intent that was
 * undone here is refused, so is one of an intent that is long closed; a name reserved by another intent refuses at
 * once; what was undone before it was ever reserved is remembered, so that the late reservation is refused.
 */
import { Failure } from '../lib/failure.ts';
import { type ObjectId, objectKey } from '../store/ids.ts';
import type { StepRecord } from '../store/slot/records.ts';
import type { Draft } from '../store/slot/slot.ts';
import type { SlotState } from '../store/slot/state.ts';
import { intentKey, type Name, nameKey, type Participation } from '../store/slot/types.ts';

export interface Share {
  readonly object: ObjectId;
  /** Names of this slot that shall lead to the object. */
  readonly add: readonly Name[];
  /** Names of this slot that shall lead to it no longer. */
  readonly drop: readonly Name[];
}

/** Failure 'exists', 'refused', or `Reserved` when another intent is in the way. */
export function reserve(draft: Draft, step: StepRecord, share: Share): void {
  const { state } = draft;
  const known = participation(state, step);
  if (known === 'forgotten' || known?.state === 'undone') throw refusal(step, 'was undone');
  if (known?.state === 'finished') return;
  if (known !== undefined && known.epoch === step.epoch) return;
  if (known === undefined) assertFree(state, share);
  draft.put({ kind: 'reserved', step, ...share });
}

export function finish(draft: Draft, step: StepRecord): void {
  const known = participation(draft.state, step);
  if (known === 'forgotten' || (known !== undefined && known.state === 'finished')) return;
  // Decided means that every participant had reserved; one that has not is not the one that was asked then.
  if (known === undefined || known.state === 'undone') throw refusal(step, 'is not reserved here');
  draft.put({ kind: 'finished', step });
}

export function undo(draft: Draft, step: StepRecord, object: ObjectId): void {
  const known = participation(draft.state, step);
  if (known === 'forgotten' || known?.state === 'undone') return;
  if (known?.state === 'finished') throw refusal(step, 'is finished');
  draft.put({ kind: 'undone', step, object });
}

/** What a name leads to; throws `Reserved` while that may be changing without our knowing. */
export function lookUp(state: SlotState, name: Name): ObjectId | undefined {
  const reserved = state.reservation(name);
  const isBeingAdded = reserved?.add.some((other) => nameKey(other) === nameKey(name)) ?? false;
  // It may have been decided already; "unknown" would turn mail away for good.
  if (reserved !== undefined && isBeingAdded) throw new Reserved(name, reserved);
  return state.name(name)?.object;
}

export function assertNotReserved(state: SlotState, name: Name): void {
  const reserved = state.reservation(name);
  if (reserved !== undefined) throw new Reserved(name, reserved);
}

/** A name is held by an intent; whoever holds the first log can tell how that one stands. */
export class Reserved extends Failure {
  readonly participation: Participation;
  constructor(name: Name, participation: Participation) {
    super('unavailable', `name ${nameKey(name)} is reserved by intent ${intentKey(participation.intent)}`);
    this.participation = participation;
  }
}

function participation(state: SlotState, step: StepRecord): Participation | 'forgotten' | undefined {
  if (state.isForgotten(step.intent)) return 'forgotten';
  const known = state.participation(step.intent);
  if (known !== undefined && step.epoch < known.epoch) throw refusal(step, 'has a newer owner');
  return known;
}

function assertFree(state: SlotState, share: Share): void {
  for (const name of [...share.add, ...share.drop]) assertNotReserved(state, name);
  for (const name of share.add) {
    const entry = state.name(name);
    if (entry !== undefined && objectKey(entry.object) !== objectKey(share.object))
      throw new Failure('exists', `name ${nameKey(name)} is taken`);
  }
}

function refusal(step: StepRecord, why: string): Failure {
  return new Failure('refused', `intent ${intentKey(step.intent)} ${why}`);
}

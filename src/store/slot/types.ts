/**
 * What a slot log holds (docs/storage-slot.md; docs/architecture.md, section 3 rule 5 and section 8, 2):
 * - name entries: a name of this slot leads to an object, wherever that object's entry is;
 * - object entries: path, present name, aliases and state of the objects *first* named with a name of this slot;
 * - intents: open operations on those objects, written in the log with the object entry;
 * - participations: what intents of other slots (or of this one) have reserved among the names of this slot.
 */
import type { DomainId, Epoch, ObjectId, Slot } from '../ids.ts';

/** A name as it is stored: local part in NFC and lower case. */
export interface Name {
  readonly domainId: DomainId;
  readonly name: string;
}

/** A key for maps; the domain id is digits only, so no name can imitate another's. */
export function nameKey(name: Name): string {
  return `${name.domainId}/${name.name}`;
}

/** Groups and forwarders will be further kinds; an alias is not one, it leads to its account like the name itself. */
export type NameKind = 'account';

export interface NameEntry extends Name {
  readonly kind: NameKind;
  readonly object: ObjectId;
}

export interface ObjectEntry {
  readonly id: ObjectId;
  /** The object's directory, relative to the root of the shared storage. */
  readonly path: string;
  readonly state: 'active' | 'deleted';
  readonly present: Name;
  /** Local parts in the domain of the present name. */
  readonly aliases: readonly string[];
  /** Properties the object starts with; empty once it is deleted. */
  readonly initial: ReadonlyMap<string, Buffer>;
  /** The requests that made or changed it last, oldest first: a repeated one is answered, not done again. */
  readonly requests: readonly string[];
}

/**
 * Names one intent for ever: the slot of its first log, and epoch and modseq of the record that opened it. Modseqs of
 * one log only grow, so they put its intents in order.
 */
export interface IntentId {
  readonly slot: Slot;
  readonly epoch: Epoch;
  readonly modseq: number;
}

export function intentKey(id: IntentId): string {
  return `${id.slot}-${id.epoch.toString(16)}-${id.modseq.toString(16)}`;
}

export type IntentChange =
  | { readonly kind: 'names'; readonly present: Name; readonly aliases: readonly string[] }
  | { readonly kind: 'delete' };

/** An operation on one object that touches names of several slots. Not in the state any more once it is closed. */
export interface Intent {
  readonly id: IntentId;
  readonly object: ObjectId;
  readonly request: string;
  readonly change: IntentChange;
  /** Names that shall lead to the object. */
  readonly add: readonly Name[];
  /** Names that shall lead to it no longer. */
  readonly drop: readonly Name[];
  /** Open: can only be undone by a later owner. Decided: can only be finished. */
  readonly state: 'open' | 'decided';
}

/** One slot's share of an intent, as its owner recorded it. */
export interface Participation {
  readonly intent: IntentId;
  /** The largest epoch of the first log's owner that this slot has heard for the intent. */
  readonly epoch: Epoch;
  readonly object: ObjectId;
  readonly add: readonly Name[];
  readonly drop: readonly Name[];
  readonly state: 'reserved' | 'finished' | 'undone';
}

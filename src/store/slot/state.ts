/**
 * The state of a slot as a function of its records: `apply` is used on replay and live alike (docs/architecture.md,
 * section 8, 3). It never refuses: what may be written was decided before, by who wrote it.
 *
 * Invariants: a name leads to one object at most; a name is reserved by one intent at most; an intent in `intents` is
 * not closed; a participation that is finished or undone is kept until its first log says that the intent is closed, so
 * that a late step of it is refused.
 */
import { type Epoch, type ObjectId, objectKey, type Slot } from '../ids.ts';
import { REQUESTS_REMEMBERED_MAX, TOMBSTONES_PER_NAME_MAX } from './limits.ts';
import type { SlotChange, StepRecord } from './records.ts';
import {
  type Intent,
  type IntentId,
  intentKey,
  type Name,
  type NameEntry,
  nameKey,
  type ObjectEntry,
  type Participation,
} from './types.ts';

export class SlotState {
  readonly slot: Slot;
  /** The largest modseq of any record. */
  modseq = 0;
  readonly #names = new Map<string, NameEntry>();
  readonly #objects = new Map<string, ObjectEntry>();
  /** Objects ever created with a name, by its key; never forgotten, for directories belong to one object for ever. */
  readonly #createdWith = new Map<string, string[]>();
  readonly #intents = new Map<string, Intent>();
  readonly #intentOfObject = new Map<string, Intent>();
  readonly #participations = new Map<string, Participation>();
  readonly #reservations = new Map<string, Participation>();
  /** By first slot: intents with a smaller modseq are closed and forgotten here. */
  readonly #closedBelow = new Map<Slot, number>();

  constructor(slot: Slot) {
    this.slot = slot;
  }

  name(name: Name): NameEntry | undefined {
    return this.#names.get(nameKey(name));
  }

  object(id: ObjectId): ObjectEntry | undefined {
    return this.#objects.get(objectKey(id));
  }

  objects(): Iterable<ObjectEntry> {
    return this.#objects.values();
  }

  /** Whether the directory of this name was ever given to an object. */
  wasUsed(name: Name): boolean {
    return this.#createdWith.has(nameKey(name));
  }

  /** Objects that were first called so, deleted ones included (the last few of them). */
  *createdWith(name: Name): Iterable<ObjectEntry> {
    for (const key of this.#createdWith.get(nameKey(name)) ?? []) {
      const entry = this.#objects.get(key);
      if (entry !== undefined) yield entry;
    }
  }

  intent(id: IntentId): Intent | undefined {
    return this.#intents.get(intentKey(id));
  }

  intentOf(object: ObjectId): Intent | undefined {
    return this.#intentOfObject.get(objectKey(object));
  }

  intents(): Iterable<Intent> {
    return this.#intents.values();
  }

  /** Modseq below which every intent of this log is closed. */
  lowestOpen(): number {
    // Intents are added in ascending order of modseq and a Map keeps that order.
    for (const intent of this.#intents.values()) return intent.id.modseq;
    return this.modseq + 1;
  }

  participation(id: IntentId): Participation | undefined {
    return this.#participations.get(intentKey(id));
  }

  /** The intent that holds a name at the moment, whether it adds or drops it. */
  reservation(name: Name): Participation | undefined {
    return this.#reservations.get(nameKey(name));
  }

  reservations(): readonly Participation[] {
    return [...new Set(this.#reservations.values())];
  }

  /** True when the first log has said that this intent is over and this slot has forgotten it. */
  isForgotten(id: IntentId): boolean {
    return id.modseq < (this.#closedBelow.get(id.slot) ?? 0) && !this.#participations.has(intentKey(id));
  }

  /** What the state holds, in entries of about equal size, for the host's bound on memory. */
  get entryCount(): number {
    return this.#names.size + this.#objects.size + this.#participations.size;
  }

  /** Something is under way that the owner of the slot carries on or waits for. */
  get isBusy(): boolean {
    return this.#intents.size > 0 || this.#reservations.size > 0;
  }

  apply(modseq: number, change: SlotChange): void {
    this.modseq = Math.max(this.modseq, modseq);
    switch (change.kind) {
      case 'object-created':
        return this.#create({ ...change.object, requests: [change.request] });
      case 'name-put':
        this.#names.set(nameKey(change.entry), change.entry);
        return;
      case 'intent-opened':
        this.#setIntent(change.intent);
        return;
      case 'intent-decided':
        return this.#decide(change.intent);
      case 'intent-closed':
        return this.#closeIntent(change.intent);
      case 'reserved':
        this.#participate(change.step, { ...change, state: 'reserved' });
        return;
      case 'finished':
        return this.#finish(change.step);
      case 'undone':
        this.#participate(change.step, { object: change.object, add: [], drop: [], state: 'undone' });
        return;
      default:
        change satisfies never;
    }
  }

  #create(entry: ObjectEntry): void {
    const key = objectKey(entry.id);
    this.#objects.set(key, entry);
    const first = nameKey(entry.id);
    const all = [...(this.#createdWith.get(first) ?? []), key];
    const deleted = all.filter((other) => this.#objects.get(other)?.state === 'deleted');
    for (const old of deleted.slice(0, Math.max(0, deleted.length - TOMBSTONES_PER_NAME_MAX))) {
      this.#objects.delete(old);
      all.splice(all.indexOf(old), 1);
    }
    this.#createdWith.set(first, all);
  }

  #setIntent(intent: Intent): void {
    this.#intents.set(intentKey(intent.id), intent);
    this.#intentOfObject.set(objectKey(intent.object), intent);
  }

  #decide(id: IntentId): void {
    const intent = this.intent(id);
    if (intent === undefined) return;
    this.#setIntent({ ...intent, state: 'decided' });
    const entry = this.object(intent.object);
    if (entry === undefined) return;
    const requests = [...entry.requests, intent.request].slice(-REQUESTS_REMEMBERED_MAX);
    const changed: ObjectEntry =
      intent.change.kind === 'delete'
        ? { ...entry, requests, state: 'deleted', aliases: [], initial: new Map() }
        : { ...entry, requests, present: intent.change.present, aliases: intent.change.aliases };
    this.#objects.set(objectKey(entry.id), changed);
  }

  #closeIntent(id: IntentId): void {
    const intent = this.intent(id);
    if (intent === undefined) return;
    this.#intents.delete(intentKey(id));
    this.#intentOfObject.delete(objectKey(intent.object));
  }

  #participate(step: StepRecord, share: Pick<Participation, 'object' | 'add' | 'drop' | 'state'>): void {
    const key = intentKey(step.intent);
    this.#unreserve(this.#participations.get(key));
    const { object, add, drop, state } = share;
    const epoch = this.#largerEpoch(step);
    const participation: Participation = { intent: step.intent, epoch, object, add, drop, state };
    this.#participations.set(key, participation);
    if (state === 'reserved')
      for (const name of [...add, ...drop]) this.#reservations.set(nameKey(name), participation);
    this.#forget(step);
  }

  #finish(step: StepRecord): void {
    const share = this.participation(step.intent);
    if (share?.state === 'reserved') {
      for (const name of share.drop) if (this.#leadsTo(name, share.object)) this.#names.delete(nameKey(name));
      for (const name of share.add)
        this.#names.set(nameKey(name), { ...name, kind: 'account', object: share.object });
    }
    if (share !== undefined)
      this.#participate(step, { object: share.object, add: [], drop: [], state: 'finished' });
  }

  #leadsTo(name: Name, object: ObjectId): boolean {
    const entry = this.name(name);
    return entry !== undefined && objectKey(entry.object) === objectKey(object);
  }

  #largerEpoch(step: StepRecord): Epoch {
    return Math.max(step.epoch, this.participation(step.intent)?.epoch ?? 0) as Epoch;
  }

  #unreserve(participation: Participation | undefined): void {
    if (participation === undefined) return;
    for (const name of [...participation.add, ...participation.drop])
      if (this.#reservations.get(nameKey(name)) === participation) this.#reservations.delete(nameKey(name));
  }

  #forget(step: StepRecord): void {
    const { slot } = step.intent;
    const below = Math.max(step.lowestOpen, this.#closedBelow.get(slot) ?? 0);
    if (below === this.#closedBelow.get(slot)) return;
    this.#closedBelow.set(slot, below);
    for (const [key, { intent, state }] of this.#participations)
      if (state !== 'reserved' && intent.slot === slot && intent.modseq < below)
        this.#participations.delete(key);
  }
}

/**
 * The versioned slot map: `MapBook` is the controller's, `SlotMapCopy` everybody's. The map is a hint for callers, never
 * a right: the owner's lease decides, and a wrong guess is answered with `moved`. So a new controller goes on from its
 * copy of the old map, and a caller keeps its copy while it hears no controller.
 *
 * Versions are (control epoch, count) like epochs, so a new controller's are larger than all before.
 */
import { epochOf, type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { MapDelta } from '../news.ts';
import type { Owner, SlotMap } from '../types.ts';

/** The controller's map: every change gets a version, and each slot remembers the version of its last change. */
export class MapBook {
  readonly #controlEpoch: number;
  readonly #owners: (Owner | undefined)[];
  readonly #changedIn: number[];
  #count = 1;

  constructor(controlEpoch: number, before: SlotMap) {
    this.#controlEpoch = controlEpoch;
    this.#owners = Array.from({ length: SLOTS }, (_, slot) => before.owner(slot as Slot));
    this.#changedIn = Array.from({ length: SLOTS }, () => this.version);
  }

  get version(): number {
    return epochOf(this.#controlEpoch, this.#count);
  }

  owner(slot: Slot): Owner | undefined {
    return this.#owners[slot];
  }

  set(slot: Slot, owner: Owner | undefined): void {
    if (this.#owners[slot]?.incarnation === owner?.incarnation) return;
    this.#count++;
    this.#owners[slot] = owner;
    this.#changedIn[slot] = this.version;
  }

  /** What changed above a version; everything when that is of an earlier controller. */
  since(version: number): MapDelta {
    const owners: Owner[] = [];
    const indexes = new Map<Incarnation, number>();
    const slots: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#changedIn[slot]! <= version) continue;
      const owner = this.#owners[slot];
      let index = -1;
      if (owner !== undefined) {
        index = indexes.get(owner.incarnation) ?? owners.push(owner) - 1;
        indexes.set(owner.incarnation, index);
      }
      slots.push(slot, index);
    }
    return { since: version, version: this.version, owners, slots };
  }
}

export class SlotMapCopy implements SlotMap {
  readonly #slots: (Owner | undefined)[] = Array.from({ length: SLOTS });
  readonly #waiting = new Set<() => void>();
  #version = 0;
  readonly #owners = new Map<Incarnation, { readonly owner: Owner; slots: number }>();

  get version(): number {
    return this.#version;
  }

  owner(slot: Slot): Owner | undefined {
    return this.#slots[slot];
  }

  owners(): readonly Owner[] {
    return [...this.#owners.values()].map(({ owner }) => owner);
  }

  /** False when the delta starts above this copy (its beginning is missing) or is older than it. */
  apply(delta: MapDelta): boolean {
    if (delta.since > this.#version || delta.version < this.#version) return false;
    for (let i = 0; i < delta.slots.length; i += 2)
      this.#set(delta.slots[i]!, delta.owners[delta.slots[i + 1]!]);
    if (delta.version === this.#version) return true;
    this.#version = delta.version;
    for (const resolve of Array.from(this.#waiting)) resolve();
    return true;
  }

  #set(slot: number, owner: Owner | undefined): void {
    const before = this.#slots[slot];
    const counted = before && this.#owners.get(before.incarnation);
    if (counted !== undefined && --counted.slots === 0) this.#owners.delete(counted.owner.incarnation);
    this.#slots[slot] = owner;
    if (owner === undefined) return;
    const now = this.#owners.get(owner.incarnation);
    if (now === undefined) this.#owners.set(owner.incarnation, { owner, slots: 1 });
    else now.slots++;
  }

  newer(version: number, signal: AbortSignal): Promise<void> {
    if (this.#version > version) return Promise.resolve();
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const done = () => {
        if (this.#version <= version) return;
        this.#waiting.delete(done);
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiting.delete(done);
        reject(signal.reason as Error);
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}

/**
 * The slots of a host that are open, and their bound: all names and objects of a slot are in memory while it is open, so
 * above `slotEntriesMax` those longest unused are closed, in order, and read again for the next who asks. A slot stays
 * open while somebody works on it, and while it holds intents or reservations, which wait for nobody's question.
 */
import { Failure } from '../../lib/failure.ts';
import { inTime } from '../../platform/in-time.ts';
import type { Clock } from '../../platform/platform.ts';
import type { OpenSlot } from '../slot/slot.ts';
import { Kept, type Opened } from './kept.ts';
import type { Term } from './term.ts';
import type { HostLimits } from './types.ts';

export interface OpenSlotsOptions {
  readonly clock: Clock;
  readonly limits: HostLimits;
  /** `isCurrent` tells later whether this opening is still the one that is kept. */
  readonly open: (term: Term, isCurrent: () => boolean) => Promise<Opened<OpenSlot>>;
  readonly warn: (error: unknown, what: string) => void;
}

/** Where the open slot of one grant is kept. */
export interface SlotPlace {
  /** The open slot; opened when it is not. Failure 'unavailable'. */
  get(): Promise<OpenSlot>;
  /** Closes it in good order, for good. Never rejects. */
  close(reason: Error): Promise<void>;
  /** Drops it at once, for good. */
  revoke(reason: Error): void;
}

interface Place {
  readonly term: Term;
  kept: Kept<OpenSlot>;
  /** An opening that is being closed for its memory. */
  suspending: { readonly kept: Kept<OpenSlot>; readonly done: Promise<void> } | undefined;
  over: Error | undefined;
}

export class OpenSlots {
  readonly #options: OpenSlotsOptions;
  /** Places in use, longest unused first. */
  readonly #used = new Set<Place>();

  constructor(options: OpenSlotsOptions) {
    this.#options = options;
  }

  /** Names and objects in memory now. */
  get entries(): number {
    let entries = 0;
    for (const place of this.#used) entries += entriesOf(place);
    return entries;
  }

  place(term: Term): SlotPlace {
    const place: Place = {
      term,
      kept: this.#keep(term, () => place),
      suspending: undefined,
      over: undefined,
    };
    return {
      get: () => this.#get(place),
      close: (reason) => this.#close(place, reason),
      revoke: (reason) => {
        place.over ??= reason;
        this.#used.delete(place);
        place.suspending?.kept.revoke(reason);
        place.kept.revoke(reason);
      },
    };
  }

  async #get(place: Place): Promise<OpenSlot> {
    const { clock, limits } = this.#options;
    while (place.suspending !== undefined)
      await inTime(clock, limits.openWaitMs, 'the slot is being closed', place.suspending.done);
    // In order of last use.
    this.#used.delete(place);
    if (place.over === undefined) this.#used.add(place);
    const { current } = place.kept;
    if (current !== undefined) return current;
    const open = await place.kept.get();
    this.#makeRoom(place);
    return open;
  }

  async #close(place: Place, reason: Error): Promise<void> {
    place.over ??= reason;
    this.#used.delete(place);
    await place.suspending?.done;
    await place.kept
      .close(reason)
      .catch((error: unknown) => this.#options.warn(error, `closing slot ${place.term.slot}`));
  }

  #makeRoom(opened: Place): void {
    const { slotEntriesMax } = this.#options.limits;
    let entries = this.entries;
    if (entries <= slotEntriesMax) return;
    for (const place of this.#used) {
      if (entries <= slotEntriesMax) return;
      if (place === opened || !isIdle(place)) continue;
      entries -= entriesOf(place);
      this.#suspend(place);
    }
  }

  #suspend(place: Place): void {
    const { kept, term } = place;
    this.#used.delete(place);
    // Replaced before it ends, so that nobody takes its end for a failure.
    place.kept = this.#keep(term, () => place);
    const reason = new Failure('unavailable', `slot ${term.slot} was closed for a while, as nobody used it`);
    const done = kept
      .close(reason)
      .catch((error: unknown) => this.#options.warn(error, `closing slot ${term.slot}`))
      .finally(() => {
        kept.revoke(reason);
        place.suspending = undefined;
      });
    place.suspending = { kept, done };
  }

  #keep(term: Term, place: () => Place): Kept<OpenSlot> {
    const { open, clock, limits } = this.#options;
    const kept: Kept<OpenSlot> = new Kept(() => open(term, () => place().kept === kept), clock, limits);
    return kept;
  }
}

function entriesOf({ kept }: Place): number {
  return kept.current?.state.entryCount ?? 0;
}

function isIdle({ term, kept }: Place): boolean {
  return term.isQuiet && kept.current?.state.isBusy === false;
}

/**
 * Opens streams to the owners of accounts, wherever their slots are now, and ends those whose slot went to another. Sessions
 * that lost their owner wait here for the next one: whoever owes its client an answer tries as soon as the slot has another
 * owner, those in the background one after the other, so that thousands do not beat on whoever takes over (docs/architecture.md,
 * section 3, sessions outlive backends).
 */

import { Failure } from '../lib/failure.ts';
import type { Clock, Timer } from '../platform/platform.ts';
import type { Incarnation, Slot } from '../store/ids.ts';
import type { Bus, BusStream } from './bus/types.ts';
import type { SlotMap } from './types.ts';

export interface Dial {
  /** Failure 'unavailable' when there is no owner, or it cannot be reached; the caller tries again. */
  open(slot: Slot, service: string, body: unknown, timeoutMs: number): Promise<BusStream>;
  /**
   * Resolves when another try makes sense: the slot has an owner other than the one that was tried last, or `withinMs` have
   * passed. In the background it is then one of so many a moment.
   */
  changed(slot: Slot, withinMs: number, inBackground: boolean): Promise<void>;
}

/** While somebody owes an answer to its client the map is asked for, as news of it come on their own only every 50 ms: … */
export const MAP_ASKED_MS = 10;
/** … less and less often while there are none. */
const MAP_ASKED_MS_MAX = 160;
/** In the background so many tries are made at a time, each time after a rest: 1,000 a second. */
export const BACKGROUND_AT_ONCE = 25;
export const BACKGROUND_REST_MS = 25;
/** A rest that came out longer, as the process had much to do, is made up for by so many times as many at most. */
const BACKGROUND_CATCH_UP = 4;

interface Live {
  readonly slot: Slot;
  readonly owner: Incarnation;
  readonly stream: BusStream;
}

/** Somebody who waits for another owner of the slot. */
interface Waiting {
  readonly slot: Slot;
  readonly wake: () => void;
}

/** `refreshMap`: the map may be old, ask for news now. */
export function createDial(
  bus: Pick<Bus, 'open'>,
  map: SlotMap,
  clock: Clock,
  refreshMap: () => void = () => undefined,
): Dial {
  const live = new Set<Live>();
  const waiting = new Set<Waiting>();
  /** Whom the last try for a slot went to. */
  const tried = new Map<Slot, Incarnation>();
  const background = new Background(clock);
  let watching: AbortController | undefined;
  /** Those of the waiting who owe an answer. */
  let urgent = 0;
  let asking: Timer | undefined;
  let askAfterMs = MAP_ASKED_MS;

  function hasOther(slot: Slot): boolean {
    const now = map.owner(slot);
    return now !== undefined && now.incarnation !== tried.get(slot);
  }

  /** A paused owner says nothing and its connection stays: only the map tells that another one has its slots. */
  async function watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await map.newer(map.version, signal);
      askAfterMs = MAP_ASKED_MS;
      for (const { slot, owner, stream } of live) {
        const now = map.owner(slot);
        if (now !== undefined && now.incarnation !== owner)
          stream.reset(new Failure('unavailable', `slot ${slot} has another owner`));
      }
      for (const { slot, wake } of waiting) if (hasOther(slot)) wake();
    }
  }

  /** One watcher for all: thousands of them would wake at every change of any slot. */
  function startWatching(): void {
    if (watching !== undefined) return;
    watching = new AbortController();
    watch(watching.signal).catch(() => undefined); // aborted below, when there is nothing left to watch
  }

  function stopWatching(): void {
    if (live.size > 0 || waiting.size > 0) return;
    watching?.abort();
    watching = undefined;
  }

  function keep(entry: Live): void {
    live.add(entry);
    startWatching();
    const drop = (): void => {
      live.delete(entry);
      stopWatching();
    };
    if (entry.stream.closed.aborted) drop();
    else entry.stream.closed.addEventListener('abort', drop, { once: true });
  }

  return {
    async open(slot, service, body, timeoutMs) {
      const owner = map.owner(slot);
      if (owner === undefined) throw new Failure('unavailable', `slot ${slot} has no owner now`);
      tried.set(slot, owner.incarnation);
      const stream = await bus.open(owner.address, service, body, { timeoutMs });
      keep({ slot, owner: owner.incarnation, stream });
      return stream;
    },
    async changed(slot, withinMs, inBackground) {
      if (!hasOther(slot)) await otherOrLater(slot, withinMs, inBackground);
      // Without any owner the try is none, and takes nobody's turn.
      if (inBackground && map.owner(slot) !== undefined) await background.turn();
    },
  };

  /** One question for all who wait. */
  function askForMap(): void {
    asking ??= clock.timer(askAfterMs, () => {
      asking = undefined;
      refreshMap();
      askAfterMs = Math.min(askAfterMs * 2, MAP_ASKED_MS_MAX);
      askForMap();
    });
  }

  /** One of those who owe an answer has what it waited for. */
  function answered(): void {
    if (--urgent > 0) return;
    asking?.cancel();
    asking = undefined;
    askAfterMs = MAP_ASKED_MS;
  }

  function otherOrLater(slot: Slot, withinMs: number, inBackground: boolean): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        waiting.delete(entry);
        timer.cancel();
        if (!inBackground) answered();
        stopWatching();
        resolve();
      };
      const timer = clock.timer(withinMs, wake);
      const entry = { slot, wake };
      waiting.add(entry);
      if (!inBackground) {
        urgent++;
        askForMap();
      }
      startWatching();
    });
  }
}

/** So many at a time, in the order in which they came. */
class Background {
  readonly #clock: Clock;
  readonly #line: (() => void)[] = [];
  #left = BACKGROUND_AT_ONCE;
  #isResting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  turn(): Promise<void> {
    if (!this.#isResting) this.#rest();
    if (this.#left > 0) {
      this.#left--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#line.push(resolve));
  }

  #rest(): void {
    this.#isResting = true;
    const sinceMs = this.#clock.monotonicMs();
    this.#clock.timer(BACKGROUND_REST_MS, () => {
      const rests = Math.floor((this.#clock.monotonicMs() - sinceMs) / BACKGROUND_REST_MS);
      const admitted = this.#line.splice(
        0,
        BACKGROUND_AT_ONCE * Math.max(1, Math.min(rests, BACKGROUND_CATCH_UP)),
      );
      this.#left = Math.max(0, BACKGROUND_AT_ONCE - admitted.length);
      this.#isResting = false;
      if (admitted.length > 0) this.#rest();
      for (const begin of admitted) begin();
    });
  }
}

/** Opens streams to the owners of accounts, wherever their slots are now, and ends those whose slot went to another. */

import { Failure } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { Incarnation, Slot } from '../store/ids.ts';
import type { Bus, BusStream } from './bus/types.ts';
import type { SlotMap } from './types.ts';

export interface Dial {
  /** Failure 'unavailable' when there is no owner, or it cannot be reached; the caller tries again. */
  open(slot: Slot, service: string, body: unknown, timeoutMs: number): Promise<BusStream>;
  /** Resolves when another try makes sense: the map has changed, or a moment has passed. */
  changed(): Promise<void>;
}

/** How long a try waits for news of the map before it is made anyway. */
const RETRY_MS = 100;

interface Live {
  readonly slot: Slot;
  readonly owner: Incarnation;
  readonly stream: BusStream;
}

export function createDial(bus: Pick<Bus, 'open'>, map: SlotMap, clock: Clock): Dial {
  const live = new Set<Live>();
  let watching: AbortController | undefined;

  /** A paused owner says nothing and its connection stays: only the map tells that another one has its slots. */
  async function watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      await map.newer(map.version, signal);
      for (const { slot, owner, stream } of live) {
        const now = map.owner(slot);
        if (now !== undefined && now.incarnation !== owner)
          stream.reset(new Failure('unavailable', `slot ${slot} has another owner`));
      }
    }
  }

  function keep(entry: Live): void {
    live.add(entry);
    if (watching === undefined) {
      watching = new AbortController();
      watch(watching.signal).catch(() => undefined); // aborted below, when there is nothing left to watch
    }
    const drop = (): void => {
      live.delete(entry);
      if (live.size > 0) return;
      watching?.abort();
      watching = undefined;
    };
    if (entry.stream.closed.aborted) drop();
    else entry.stream.closed.addEventListener('abort', drop, { once: true });
  }

  return {
    async open(slot, service, body, timeoutMs) {
      const owner = map.owner(slot);
      if (owner === undefined) throw new Failure('unavailable', `slot ${slot} has no owner now`);
      const stream = await bus.open(owner.address, service, body, { timeoutMs });
      keep({ slot, owner: owner.incarnation, stream });
      return stream;
    },
    async changed() {
      const waiting = new AbortController();
      const newer = map.newer(map.version, waiting.signal).catch(() => undefined); // aborted below: no news
      await Promise.race([newer, clock.sleep(RETRY_MS, waiting.signal).catch(() => undefined)]);
      waiting.abort();
    },
  };
}

/** Opens a stream to the owner of an account, wherever its slot is now. */
import type { Bus, BusStream } from '../../cluster/bus/types.ts';
import type { SlotMap } from '../../cluster/types.ts';
import { Failure } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { Slot } from '../../store/ids.ts';

export interface Dial {
  /** Failure 'unavailable' when there is no owner, or it cannot be reached; the caller tries again. */
  open(slot: Slot, service: string, body: unknown, timeoutMs: number): Promise<BusStream>;
  /** Resolves when another try makes sense: the map has changed, or a moment has passed. */
  changed(): Promise<void>;
}

/** How long a try waits for news of the map before it is made anyway. */
const RETRY_MS = 100;

export function createDial(bus: Pick<Bus, 'open'>, map: SlotMap, clock: Clock): Dial {
  return {
    async open(slot, service, body, timeoutMs) {
      const owner = map.owner(slot);
      if (owner === undefined) throw new Failure('unavailable', `slot ${slot} has no owner now`);
      return await bus.open(owner.address, service, body, { timeoutMs });
    },
    async changed() {
      const waiting = new AbortController();
      const newer = map.newer(map.version, waiting.signal).catch(() => undefined); // aborted below: no news
      await Promise.race([newer, clock.sleep(RETRY_MS, waiting.signal).catch(() => undefined)]);
      waiting.abort();
    },
  };
}

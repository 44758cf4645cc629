/** Waits until the slot map shows a slot at a member. */
import { Failure } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { Slot } from '../../store/ids.ts';
import type { SlotMap } from '../types.ts';

/** Failure 'unknown' when it is not there by then: it may come yet. */
export async function ownedBy(
  map: SlotMap,
  clock: Clock,
  slot: Slot,
  member: string,
  timeoutMs: number,
): Promise<void> {
  const over = new AbortController();
  const timer = clock.timer(timeoutMs, () =>
    over.abort(new Failure('unknown', `slot ${slot} is not at ${member} yet`)),
  );
  try {
    while (map.owner(slot)?.member !== member) await map.newer(map.version, over.signal);
  } finally {
    timer.cancel();
  }
}

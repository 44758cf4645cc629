/** `Clock.sleep` in terms of `Clock.timer`, the same for every clock. */
import type { Clock } from './platform.ts';

/** Resolves after `delayMs`; rejects with `signal.reason` when aborted before, leaving neither timer nor listener. */
export function sleepBy(clock: Pick<Clock, 'timer'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = () => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.timer(delayMs, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}

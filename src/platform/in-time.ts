/** Waits for something that the storage may keep hanging, but not for ever. */
import { Failure } from '../lib/failure.ts';
import type { Clock } from './platform.ts';

/** As `work` ends, or Failure 'unavailable' after `waitMs`; the work goes on then, and its end is nobody's any more. */
export async function inTime<T>(
  clock: Pick<Clock, 'timer'>,
  waitMs: number,
  why: string,
  work: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.timer(waitMs, () => late.reject(new Failure('unavailable', why)));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}

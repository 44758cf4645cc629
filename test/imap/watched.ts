/** Slices that say how long each turn was, in time of the processor: the machine's other work does not count. */
import type { Clock } from '../../src/platform/platform.ts';
import { Slices } from '../../src/platform/slices.ts';

/** The slices are of 8 ms, and what cannot be divided, and the garbage collector, come on top. */
export const TURN_MS_MAX = 60;

/** Slices of a clock that counts what this thread spends, and the longest turn between two rests. */
export function watched(): { clock: Clock; slices: Slices; turns: number[] } {
  const turns: number[] = [];
  let since = process.threadCpuUsage();
  const spent = (): number => {
    const { user, system } = process.threadCpuUsage(since);
    return (user + system) / 1000;
  };
  let atMs = 0;
  const clock = {
    monotonicMs: () => atMs + spent(),
    sleep: () => {
      turns.push(spent());
      atMs += spent();
      since = process.threadCpuUsage();
      return Promise.resolve();
    },
  } as unknown as Clock;
  return { clock, slices: new Slices(clock), turns };
}

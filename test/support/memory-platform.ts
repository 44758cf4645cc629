/**
 * A platform in memory for unit tests: files and connections without faults, a clock that the test moves by hand
 * (`await platform.clock.advance(ms)`), seeded randomness. Members of one test share `fs` and `net`:
 * `memoryPlatform({ fs: first.fs, net: first.net, seed: 2 })`.
 */
import type { Platform } from '../../src/platform/platform.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryFs } from './memory-fs.ts';
import { MemoryNet } from './memory-net.ts';
import { Prng } from './prng.ts';

export interface MemoryPlatform extends Platform {
  readonly clock: ManualClock;
  readonly random: Prng;
  readonly fs: MemoryFs;
  readonly net: MemoryNet;
}

export function memoryPlatform(
  options: {
    readonly clock?: ManualClock;
    readonly seed?: number | string;
    readonly fs?: MemoryFs;
    readonly net?: MemoryNet;
  } = {},
): MemoryPlatform {
  const clock = options.clock ?? new ManualClock();
  return {
    clock,
    random: new Prng(options.seed ?? 1),
    fs: options.fs ?? new MemoryFs(),
    net: options.net ?? new MemoryNet(clock),
  };
}

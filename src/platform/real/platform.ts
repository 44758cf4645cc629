/** The platform of a process on this machine; `src/main.ts` and the member make one and hand it down. */
import type { Platform } from '../platform.ts';
import { RealClock } from './clock.ts';
import { RealFs, type RealFsOptions } from './fs.ts';
import { RealNet, type RealNetOptions } from './net.ts';
import { RealRandom } from './random.ts';

export function realPlatform(options: Omit<RealFsOptions, 'random'> & RealNetOptions = {}): Platform {
  const { logger, ...files } = options;
  const random = new RealRandom();
  return {
    clock: new RealClock(),
    random,
    fs: new RealFs({ ...files, random }),
    net: new RealNet(logger === undefined ? {} : { logger }),
  };
}

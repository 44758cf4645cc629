/** Randomness of the kernel, fit for keys. Synchronous: the asynchronous forms would wait for libuv's pool. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../platform.ts';

export class RealRandom implements Random {
  bytes(octets: number): Buffer {
    return randomBytes(octets);
  }

  /** `limit` up to 2^48 - 1. */
  below(limit: number): number {
    return randomInt(limit);
  }
}

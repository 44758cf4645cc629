/**
 * A small seeded generator (sfc32, seeded through splitmix32) that is also the `Random` of the platforms in tests. The
 * same seed gives the same numbers on every machine and Node version; that is all it is for.
 */
import type { Random } from '../../src/platform/platform.ts';

const WARM_UP_ROUNDS = 12;

export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    let state = typeof seed === 'number' ? seed >>> 0 : hashText(seed);
    const mix = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    for (let i = 0; i < WARM_UP_ROUNDS; i++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** From 0 up to, not including, 1; 53 bits. */
  unit(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  below(limit: number): number {
    if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`no number below ${limit}`);
    return Math.floor(this.unit() * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True once in 1 / `probability` calls. Always takes one number, so that options do not shift what follows. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(octets: number): Buffer {
    const result = Buffer.allocUnsafe(octets);
    for (let i = 0; i < octets; i++) result[i] = this.uint32() >>> 24;
    return result;
  }

  /** A generator of its own for one purpose, so that more draws elsewhere do not change it. */
  fork(label: string): Prng {
    return new Prng(hashText(`${this.uint32()}/${label}`));
  }
}

/** FNV-1a, 32 bits: names into seeds. */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A small seeded generator (mulberry32) for the byte fuzzers: the same seed gives the same inputs. */
export interface Seeded {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  return {
    below(limit) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
    },
  };
}

/** A copy with some octets changed, removed, repeated or replaced by words of a dictionary. */
export function mutate(octets: Buffer, random: Seeded, dictionary: readonly string[]): Buffer {
  let mutated = Buffer.from(octets);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    const length = random.below(12);
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)];
    const replacement = [
      Buffer.from([random.below(256)]),
      Buffer.from(dictionary[random.below(dictionary.length)] ?? ''),
      Buffer.from(mutated.subarray(at, at + length)),
      Buffer.alloc(0),
    ][random.below(4)]!;
    const skipped = random.below(2) === 0 ? 0 : length;
    mutated = Buffer.concat([before, replacement, after.subarray(skipped)]);
  }
  return mutated;
}

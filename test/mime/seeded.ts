/** Seeded changes of octets, for the byte fuzzers: the same seed gives the same inputs. */
import { Prng } from '../support/prng.ts';

export function seeded(seed: number): Prng {
  return new Prng(seed);
}

/** A copy with some octets changed, removed, repeated or replaced by words of a dictionary. */
export function mutate(octets: Buffer, random: Prng, dictionary: readonly string[]): Buffer {
  let mutated = Buffer.from(octets);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    const length = random.below(12);
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)];
    const replacement = [
      Buffer.from([random.below(256)]),
      Buffer.from(random.pick(dictionary)),
      Buffer.from(mutated.subarray(at, at + length)),
      Buffer.alloc(0),
    ][random.below(4)]!;
    const skipped = random.below(2) === 0 ? 0 : length;
    mutated = Buffer.concat([before, replacement, after.subarray(skipped)]);
  }
  return mutated;
}

/**
 * Inputs for a target, one for each number, always the same for the same seed: a valid one that was changed a few times.
 * Besides what the parsers' own tests do (test/mime/seeded.ts) it splices two valid inputs, repeats a piece very often
 * (what takes quadratic time shows in long runs only), nests, and lies about lengths.
 */
import { mutate } from '../mime/seeded.ts';
import { Prng } from '../support/prng.ts';
import type { FuzzTarget } from './target.ts';

const CHANGES_MAX = 4;
/** One input in so many has a very long run. */
const LONG_RUN_EVERY = 24;
/** Pieces that are repeated have at most so many octets. */
const PIECE_OCTETS_MAX = 24;
const OPENING = ['(', '[', '{', '<', '"', '\\', '/*', '{a='];
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** The input with this number. */
export function inputOf(target: FuzzTarget, seed: string, number: number): Buffer {
  const random = new Prng(`${seed}/${target.name}/${number}`);
  const valid = target.seeds.length === 0 ? Buffer.alloc(0) : random.pick(target.seeds);
  let octets: Buffer = Buffer.from(valid);
  for (let changes = random.below(CHANGES_MAX + 1); changes > 0; changes--)
    octets = random.pick(CHANGES)(octets, random, target).subarray(0, target.octetsMax);
  if (random.below(LONG_RUN_EVERY) === 0) octets = longRun(octets, random, target);
  // Of its own memory: a parser that reads beyond its input must not find what was cut off.
  return Buffer.from(octets.subarray(0, target.octetsMax));
}

type Change = (octets: Buffer, random: Prng, target: FuzzTarget) => Buffer;

const CHANGES: readonly Change[] = [
  (octets, random, { words }) => mutate(octets, random, words.length === 0 ? [''] : words),
  flip,
  extreme,
  cut,
  splice,
  repeated,
  nested,
  word,
  noise,
];

/** One bit, or one octet. */
function flip(octets: Buffer, random: Prng): Buffer {
  if (octets.length === 0) return octets;
  const flipped = Buffer.from(octets);
  const at = random.below(octets.length);
  flipped[at] = random.chance(0.5) ? flipped[at]! ^ (1 << random.below(8)) : random.below(256);
  return flipped;
}

/** A length that lies: the largest and smallest of 8, 16 and 32 bits, both ways round, over what is there. */
function extreme(octets: Buffer, random: Prng): Buffer {
  const changed = Buffer.from(octets);
  const width = random.pick([1, 2, 4]);
  if (changed.length < width) return changed;
  const value = random.pick(EXTREMES) % 2 ** (8 * width);
  const at = random.below(changed.length - width + 1);
  if (random.chance(0.5)) changed.writeUIntLE(value, at, width);
  else changed.writeUIntBE(value, at, width);
  return changed;
}

function cut(octets: Buffer, random: Prng): Buffer {
  const at = random.below(octets.length + 1);
  return random.chance(0.7) ? octets.subarray(0, at) : octets.subarray(at);
}

/** The beginning of this and the end of another valid input. */
function splice(octets: Buffer, random: Prng, { seeds }: FuzzTarget): Buffer {
  const other = seeds.length === 0 ? octets : random.pick(seeds);
  return Buffer.concat([
    octets.subarray(0, random.below(octets.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
}

/** A piece of it some times more. */
function repeated(octets: Buffer, random: Prng): Buffer {
  const { before, piece, after } = piecesOf(octets, random);
  const copies: Buffer[] = Array.from({ length: 2 + random.below(20) }, () => piece);
  return Buffer.concat([before, ...copies, after]);
}

/** A piece so often that the input is as long as it may be, or a good part of that. */
function longRun(octets: Buffer, random: Prng, { octetsMax, words }: FuzzTarget): Buffer {
  const { before, piece, after } = piecesOf(octets, random);
  const unit =
    piece.length > 0 && random.chance(0.5)
      ? piece
      : Buffer.from(words.length === 0 ? 'a' : random.pick(words), 'latin1');
  const room = Math.floor((octetsMax - before.length - after.length) / random.between(1, 8));
  if (unit.length === 0 || room < unit.length) return octets;
  const run = Buffer.alloc(room - (room % unit.length), unit);
  return Buffer.concat(random.chance(0.3) ? [before, run] : [before, run, after]);
}

/** Opened very often, closed perhaps. */
function nested(octets: Buffer, random: Prng, { words }: FuzzTarget): Buffer {
  const at = random.below(octets.length + 1);
  const open = Buffer.from(random.pick([...OPENING, ...words.slice(0, 3)]), 'latin1');
  const depth = random.between(2, 300);
  return Buffer.concat([
    octets.subarray(0, at),
    Buffer.alloc(depth * open.length, open),
    octets.subarray(at),
  ]);
}

function word(octets: Buffer, random: Prng, { words }: FuzzTarget): Buffer {
  if (words.length === 0) return octets;
  const at = random.below(octets.length + 1);
  const from = random.chance(0.5) ? at : Math.min(octets.length, at + random.below(8));
  return Buffer.concat([
    octets.subarray(0, at),
    Buffer.from(random.pick(words), 'latin1'),
    octets.subarray(from),
  ]);
}

function noise(octets: Buffer, random: Prng): Buffer {
  const at = random.below(octets.length + 1);
  return Buffer.concat([octets.subarray(0, at), random.bytes(random.below(40)), octets.subarray(at)]);
}

function piecesOf(
  octets: Buffer,
  random: Prng,
): { readonly before: Buffer; readonly piece: Buffer; readonly after: Buffer } {
  const from = random.below(octets.length + 1);
  const to = Math.min(octets.length, from + random.below(PIECE_OCTETS_MAX));
  return { before: octets.subarray(0, from), piece: octets.subarray(from, to), after: octets.subarray(to) };
}

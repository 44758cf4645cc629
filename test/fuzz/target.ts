/**
 * What a fuzz target is: one parser, inputs it takes, and one call that says what became of an input. The engine
 * (engine.ts) checks what holds for every parser: nothing but documented errors comes out, an input takes a bounded time,
 * and what it leaves behind is bounded by its size. What is particular to a parser its target asserts itself.
 */
import { isDeepStrictEqual } from 'node:util';
import { DecodeError } from '../../src/lib/encoder.ts';
import { type FailureCode, failureCode } from '../../src/lib/failure.ts';

/** What a parser made of an input: `value` is all that it keeps of it. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly value?: unknown };

export interface FuzzTarget {
  /** Of the parser, in words with dashes: `imap-command`. */
  readonly name: string;
  /** Inputs that the parser accepts. */
  readonly seeds: readonly Buffer[];
  /** Words of its language, put into inputs. */
  readonly words: readonly string[];
  /** The largest input that its caller lets through; the engine makes none that are longer. */
  readonly octetsMax: number;
  /** Octets that the outcome may have for one octet of input, besides OUTCOME_OCTETS_FREE. */
  readonly growth: number;
  /** Parses. Throws when the input shows a bug. */
  run(input: Buffer): Outcome | Promise<Outcome>;
  /** What else must be so; not counted as time of the parser. Throws when it is not. */
  check?(input: Buffer, outcome: Outcome): void;
}

/** What is usual; a target says where it differs. */
const OCTETS_MAX = 64 * 1024;
const GROWTH = 32;

type Options = Pick<FuzzTarget, 'name' | 'run' | 'check'> &
  Partial<Pick<FuzzTarget, 'octetsMax' | 'growth'>> & {
    /** A string stands for its octets in latin1: one a character. */
    readonly seeds: readonly (string | Buffer)[];
    readonly words?: readonly string[];
  };

export function target(options: Options): FuzzTarget {
  return {
    octetsMax: OCTETS_MAX,
    growth: GROWTH,
    words: [],
    ...options,
    seeds: options.seeds.map((seed) => (typeof seed === 'string' ? Buffer.from(seed, 'latin1') : seed)),
  };
}

export function accepted(value: unknown): Outcome {
  return { kind: 'accepted', value };
}

export function refused(value?: unknown): Outcome {
  return { kind: 'refused', value };
}

/** For parsers that say undefined. */
export function maybe(value: unknown): Outcome {
  return value === undefined ? refused() : accepted(value);
}

/** For parsers that refuse by a Failure of one of these codes. */
export function orFailure(codes: readonly FailureCode[], parse: () => unknown): Outcome {
  try {
    return accepted(parse());
  } catch (error) {
    const code = failureCode(error);
    if (code === undefined || !codes.includes(code)) throw error;
    return refused(String(error));
  }
}

/** For decoders of stored octets. */
export function orDecodeError(parse: () => unknown): Outcome {
  try {
    return accepted(parse());
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return refused();
  }
}

/** Several readings of one input: accepted when one of them is. */
export function anyOf(outcomes: Iterable<Outcome>): Outcome {
  const all = [...outcomes];
  const value = all.map((each) => each.value);
  return { kind: all.some(({ kind }) => kind === 'accepted') ? 'accepted' : 'refused', value };
}

/** The input in two, cut where its first octet says: however octets arrive, they mean the same. */
export function halves(octets: Buffer): readonly [Buffer, Buffer] {
  const at = octets.length === 0 ? 0 : (octets[0]! * 7) % (octets.length + 1);
  return [octets.subarray(0, at), octets.subarray(at)];
}

/** Values that may be large, so without a report of how they differ. */
export function assertSame(found: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(found, expected)) throw new Error(what);
}

/** Runs a target over its inputs and judges each: errors, time, size of the outcome (docs/architecture.md, invariant 8). */
import { inputOf } from './inputs.ts';
import type { FuzzTarget, Outcome } from './target.ts';
import { weigh } from './weigh.ts';

/**
 * CPU time of this thread for one input: invariant 8 allows the event loop 50 ms. Above it an input is run again, as the
 * compiler and the collector of V8 work on this thread too; the best of RETRIES counts.
 */
const CPU_MS_MAX = 50;
const RETRIES = 3;
/** Octets of an outcome that are not asked for: messages, fixed fields, defaults. */
const OUTCOME_OCTETS_FREE = 16 * 1024;

/** An error may quote its input. */
const WHY_LENGTH_MAX = 300;

export interface Tally {
  accepted: number;
  refused: number;
}

/** An input that shows a bug. `number` and `seed` give it again. */
export class Finding extends Error {
  readonly target: string;
  readonly seed: string;
  readonly number: number;
  readonly input: Buffer;

  constructor(target: string, seed: string, number: number, input: Buffer, cause: unknown) {
    const why = (cause instanceof Error ? cause.message : String(cause)).slice(0, WHY_LENGTH_MAX);
    super(`${target}, seed ${seed}, input ${number} (${input.length} octets): ${why}`, { cause });
    this.target = target;
    this.seed = seed;
    this.number = number;
    this.input = input;
  }
}

/** Runs the inputs from `from` on for as long as `goesOn` says, and tells how many there were. Throws a Finding. */
export async function fuzz(
  target: FuzzTarget,
  seed: string,
  from: number,
  goesOn: (done: number) => boolean,
  tally: Tally = { accepted: 0, refused: 0 },
): Promise<number> {
  let done = 0;
  for (; goesOn(done); done++) {
    const number = from + done;
    const input = inputOf(target, seed, number);
    try {
      tally[(await judged(target, input)).kind]++;
    } catch (error) {
      // Made again: the parser may have written into it.
      throw new Finding(target.name, seed, number, inputOf(target, seed, number), error);
    }
  }
  return done;
}

/** The outcome of one input; throws when it shows a bug. */
export async function judged(target: FuzzTarget, input: Buffer): Promise<Outcome> {
  const before = Buffer.from(input);
  const startMs = performance.now();
  const outcome = await target.run(input);
  // The clock on the wall is asked first, as it costs less; on a busy machine it says too much.
  if (performance.now() - startMs > CPU_MS_MAX) await assertQuick(target, input);
  target.check?.(input, outcome);
  if (!input.equals(before)) throw new Error('the parser wrote into its input');
  const most = OUTCOME_OCTETS_FREE + target.growth * input.length;
  if (weigh(outcome, most) > most) throw new Error(`the outcome has more than ${most} octets`);
  return outcome;
}

async function assertQuick(target: FuzzTarget, input: Buffer): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < RETRIES && best > CPU_MS_MAX; tries++) {
    const before = process.threadCpuUsage();
    await target.run(input);
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  if (best > CPU_MS_MAX) throw new Error(`it took ${best.toFixed(0)} ms of CPU time`);
}

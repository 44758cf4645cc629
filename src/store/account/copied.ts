/**
 * What COPY and MOVE give: the UIDs of the source as ranges and those of the target as runs, so that millions of messages
 * cost what a few do. New UIDs ascend in the order of the old ones, as both sides of COPYUID do (RFC 4315 section 3).
 */
import { DecodeError } from '../../lib/encoder.ts';
import { UID_MAX } from './limits.ts';
import { countOf, RangeBuilder, type UidRanges } from './ranges.ts';
import type { Copied, UidRun } from './types.ts';

/** The UIDs that the messages have in the target. */
export function newUids({ from, runs }: Pick<Copied, 'from' | 'runs'>): UidRanges {
  const builder = new RangeBuilder();
  const count = countOf(from);
  for (const [index, { at, to }] of runs.entries())
    builder.addRange(to, to + ((runs[index + 1]?.at ?? count) - at) - 1);
  return builder.ranges;
}

/** Gathers what several commits did. */
export class CopiedBuilder {
  readonly #from = new RangeBuilder();
  readonly #runs: UidRun[] = [];
  #count = 0;
  #next = 0;

  /** These messages became those with the UIDs from `to` on. */
  add(from: UidRanges, to: number): void {
    const count = countOf(from);
    if (count === 0) return;
    this.#from.addAll(from);
    if (to !== this.#next) this.#runs.push({ at: this.#count, to });
    this.#count += count;
    this.#next = to + count;
  }

  done(uidValidity: number): Copied {
    return { uidValidity, from: this.#from.ranges, runs: this.#runs };
  }
}

/** Throws a DecodeError for runs that no copy of so many messages has: each begins behind the one before, on both sides. */
export function checkRuns(runs: readonly UidRun[], count: number): void {
  let [at, free] = [0, 1];
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1]?.at ?? count;
    if (run.at !== at || run.to < free || next <= at) throw new DecodeError('not runs of new UIDs');
    free = run.to + (next - at);
    at = next;
  }
  if (at !== count || free > UID_MAX + 1) throw new DecodeError('not runs of new UIDs');
}

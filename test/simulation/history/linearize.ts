/**
 * Whether a history is linearizable (Herlihy and Wing): whether each operation can be given instants between its question
 * and its answer so that, done at these one after the other, everybody was told the truth. The search is that of Wing and
 * Gong with Lowe's memory of the configurations that led nowhere.
 *
 * An operation may have several steps: the directory changes the names of an account in several slots, each for itself,
 * once it is decided (docs/architecture.md, section 3, rule 5). So a change is one step *decide*, which looks whether it may
 * be done at all, and then one step for each name that it adds or takes away, all before it is answered. A model says which
 * steps an operation has.
 */
import type { Entry } from './history.ts';

export interface Model<S> {
  readonly initial: S;
  /** Equal for equal states: what is remembered of a configuration. */
  key(state: S): string;
  /** What an operation can do first in this state; none when what was answered cannot be true here. */
  begin(entry: Entry, state: S, index: number): readonly Next<S>[];
}

/** A state that a step leads to, and the steps of the same operation that must still come, in any order. */
export interface Next<S> {
  readonly state: S;
  readonly steps: readonly Step<S>[];
}

export interface Step<S> {
  /** Different among the steps of an operation. */
  readonly key: string;
  /** What it comes to, with further steps; undefined: not in this state, but perhaps in a later one. */
  run(state: S): Next<S> | undefined;
}

export type Verdict = 'yes' | 'no' | 'too-long';

/** Configurations that are looked at for one history. */
const LOOKS_MAX = 30_000;

interface Begun<S> {
  readonly index: number;
  readonly steps: readonly Step<S>[];
}

export function linearize<S>(
  entries: readonly Entry[],
  model: Model<S>,
  looksMax = LOOKS_MAX,
): { readonly verdict: Verdict; readonly looks: number } {
  // A look that was not answered says nothing.
  const told = entries.filter(({ operation, outcome }) => outcome.kind !== 'open' || isChange(operation));
  const sorted = told.toSorted((a, b) => a.askedMs - b.askedMs);
  const seen = new Set<string>();
  let looks = 0;

  /** `waiting`: indexes not begun, ascending; `begun`: those with steps to come. True when the rest can be done. */
  const search = (state: S, waiting: readonly number[], begun: readonly Begun<S>[]): boolean => {
    if (isDone(waiting, begun)) return true;
    const key = configuration(state, waiting, begun);
    if (seen.has(key)) return false;
    seen.add(key);
    if (++looks > looksMax) throw TOO_LONG;
    // Nothing may come before the answer of an operation whose every step must be behind it.
    let limitMs = Number.POSITIVE_INFINITY;
    for (const index of waiting) limitMs = Math.min(limitMs, sorted[index]!.answeredMs);
    for (const { index } of begun) limitMs = Math.min(limitMs, sorted[index]!.answeredMs);
    for (const each of begun)
      for (const step of each.steps) {
        const next = step.run(state);
        if (next === undefined) continue;
        const steps = [...each.steps.filter((other) => other !== step), ...next.steps];
        const rest = begun.filter((other) => other !== each);
        if (search(next.state, waiting, steps.length === 0 ? rest : [...rest, { ...each, steps }]))
          return true;
      }
    for (const index of waiting) {
      const entry = sorted[index]!;
      if (entry.askedMs > limitMs) break;
      const rest = waiting.filter((other) => other !== index);
      for (const { state: next, steps } of model.begin(entry, state, index))
        if (search(next, rest, steps.length === 0 ? begun : [...begun, { index, steps }])) return true;
    }
    return false;
  };

  const isDone = (waiting: readonly number[], begun: readonly Begun<S>[]): boolean =>
    waiting.every((index) => sorted[index]!.outcome.kind === 'open') &&
    begun.every(({ index }) => sorted[index]!.answeredMs === Number.POSITIVE_INFINITY);

  const configuration = (state: S, waiting: readonly number[], begun: readonly Begun<S>[]): string => {
    const parts = begun.map(({ index, steps }) => `${index}:${steps.map(({ key }) => key).join(',')}`).sort();
    return `${waiting.join(' ')}|${parts.join(' ')}|${model.key(state)}`;
  };

  try {
    const all = sorted.map((_, index) => index);
    return { verdict: search(model.initial, all, []) ? 'yes' : 'no', looks };
  } catch (error) {
    if (error !== TOO_LONG) throw error;
    return { verdict: 'too-long', looks };
  }
}

function isChange({ kind }: Entry['operation']): boolean {
  return kind !== 'resolve' && kind !== 'get';
}

const TOO_LONG = new Error('too many configurations');

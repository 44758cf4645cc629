/**
 * What became of the requests of frontends (docs/architecture.md, sessions outlive backends): results and refusals by
 * incarnation and number. Numbers below an incarnation's lowest open one are forgotten and never done.
 */
import { firstNot } from '../../lib/ascending.ts';
import { Failure } from '../../lib/failure.ts';
import type { Incarnation, TransactionId } from '../ids.ts';

export type Outcome = Buffer | 'refused';

interface Frontend {
  lowestOpen: number;
  readonly outcomes: Map<number, Outcome>;
  /** The numbers in `outcomes`, ascending, from index `start`; what lies before it is forgotten. */
  numbers: number[];
  start: number;
}

export class TransactionTable {
  readonly #frontends = new Map<Incarnation, Frontend>();
  #count = 0;
  #octets = 0;

  /** Outcomes remembered. */
  get count(): number {
    return this.#count;
  }

  /** Octets of the results remembered. */
  get octets(): number {
    return this.#octets;
  }

  /** Incarnations that something is remembered of. */
  get incarnations(): readonly Incarnation[] {
    return [...this.#frontends.keys()];
  }

  /** 'closed' when the frontend said that this one is over; undefined when nothing was heard of it. */
  find(transaction: TransactionId): Outcome | 'closed' | undefined {
    const frontend = this.#frontends.get(transaction.incarnation);
    if (frontend === undefined) return undefined;
    if (transaction.number < frontend.lowestOpen) return 'closed';
    return frontend.outcomes.get(transaction.number);
  }

  /** How much would be remembered with this one, and without those that it closes. Walks the incarnation's outcomes. */
  sizeWith(transaction: TransactionId, octets: number): { readonly count: number; readonly octets: number } {
    let [count, sum] = [this.#count + 1, this.#octets + octets];
    for (const [number, outcome] of this.#frontends.get(transaction.incarnation)?.outcomes ?? [])
      if (number < transaction.lowestOpen) {
        count--;
        sum -= octetsOf(outcome);
      }
    return { count, octets: sum };
  }

  remember(transaction: TransactionId, outcome: Outcome): void {
    let frontend = this.#frontends.get(transaction.incarnation);
    if (frontend === undefined) {
      frontend = { lowestOpen: 0, outcomes: new Map(), numbers: [], start: 0 };
      this.#frontends.set(transaction.incarnation, frontend);
    }
    // The table is a function of what was remembered, in whatever order: a compaction repeats it in another.
    const { number } = transaction;
    if (frontend.outcomes.has(number)) this.#forget(frontend, number);
    else insertAscending(frontend.numbers, number, frontend.start);
    frontend.outcomes.set(number, outcome);
    this.#count++;
    this.#octets += octetsOf(outcome);
    frontend.lowestOpen = Math.max(frontend.lowestOpen, transaction.lowestOpen);
    const { numbers } = frontend;
    while (frontend.start < numbers.length && (numbers[frontend.start] as number) < frontend.lowestOpen)
      this.#forget(frontend, numbers[frontend.start++] as number);
    if (frontend.start > numbers.length / 2) {
      frontend.numbers = numbers.slice(frontend.start);
      frontend.start = 0;
    }
  }

  forgetIncarnation(incarnation: Incarnation): void {
    const frontend = this.#frontends.get(incarnation);
    if (frontend === undefined) return;
    for (const number of frontend.outcomes.keys()) this.#forget(frontend, number);
    this.#frontends.delete(incarnation);
  }

  /** The outcomes remembered of an incarnation with numbers from this one on, ascending. */
  *outcomesFrom(incarnation: Incarnation, number: number): Generator<readonly [TransactionId, Outcome]> {
    const frontend = this.#frontends.get(incarnation);
    if (frontend === undefined) return;
    const { numbers, outcomes, lowestOpen } = frontend;
    for (let index = lowerBound(numbers, number, frontend.start); index < numbers.length; index++) {
      const each = numbers[index] as number;
      const outcome = outcomes.get(each);
      if (outcome !== undefined) yield [{ incarnation, number: each, lowestOpen }, outcome];
    }
  }

  /** Everything as plain values, sorted by incarnation and number; for comparison. */
  entries(): readonly {
    readonly incarnation: Incarnation;
    readonly lowestOpen: number;
    readonly outcomes: readonly (readonly [number, Outcome])[];
  }[] {
    return [...this.#frontends]
      .map(([incarnation, { lowestOpen }]) => ({
        incarnation,
        lowestOpen,
        outcomes: [...this.outcomesFrom(incarnation, 0)].map(([{ number }, each]) => [number, each] as const),
      }))
      .sort((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
  }

  #forget(frontend: Frontend, number: number): void {
    const outcome = frontend.outcomes.get(number);
    if (outcome === undefined) return;
    frontend.outcomes.delete(number);
    this.#count--;
    this.#octets -= octetsOf(outcome);
  }
}

/** Index of the first number at or above this one, looking from `start`. */
function lowerBound(numbers: readonly number[], number: number, start: number): number {
  return firstNot(start, numbers.length, (index) => (numbers[index] as number) < number);
}

/** Nearly always at the end: numbers come nearly in order. */
function insertAscending(numbers: number[], number: number, start: number): void {
  const last = numbers.at(-1);
  if (last === undefined || number > last) numbers.push(number);
  else numbers.splice(lowerBound(numbers, number, start), 0, number);
}

function octetsOf(outcome: Outcome): number {
  return outcome === 'refused' ? 0 : outcome.length;
}

/** 32 hex digits are usual (ids.ts). */
const INCARNATION_OCTETS_MAX = 64;

/** Failure 'invalid' for what no frontend sends. */
export function checkTransaction({ incarnation, number, lowestOpen }: TransactionId): void {
  const whole = Number.isSafeInteger(number) && Number.isSafeInteger(lowestOpen);
  if (!whole || lowestOpen < 0 || number < Math.max(1, lowestOpen))
    throw new Failure('invalid', 'not a transaction number');
  if (incarnation.length === 0 || incarnation.length > INCARNATION_OCTETS_MAX)
    throw new Failure('invalid', 'not an incarnation');
}

/**
 * What became of the requests of frontends (docs/architecture.md, sessions outlive backends): results and refusals by
 * incarnation and number. Numbers below an incarnation's lowest open one are forgotten and never done.
 */
import type { Incarnation, TransactionId } from '../ids.ts';

export type Outcome = Buffer | 'refused';

interface Frontend {
  lowestOpen: number;
  /** In the order they came, which is nearly that of their numbers. */
  readonly outcomes: Map<number, Outcome>;
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
      frontend = { lowestOpen: 0, outcomes: new Map() };
      this.#frontends.set(transaction.incarnation, frontend);
    }
    this.#forget(frontend, transaction.number);
    frontend.outcomes.set(transaction.number, outcome);
    this.#count++;
    this.#octets += octetsOf(outcome);
    frontend.lowestOpen = Math.max(frontend.lowestOpen, transaction.lowestOpen);
    // A number that came late hides behind larger ones until these close; there are few, and `find` knows it as closed.
    for (const number of frontend.outcomes.keys()) {
      if (number >= frontend.lowestOpen) break;
      this.#forget(frontend, number);
    }
  }

  forgetIncarnation(incarnation: Incarnation): void {
    const frontend = this.#frontends.get(incarnation);
    if (frontend === undefined) return;
    for (const number of frontend.outcomes.keys()) this.#forget(frontend, number);
    this.#frontends.delete(incarnation);
  }

  /** Everything as plain values, sorted by incarnation; for snapshots and comparison. */
  entries(): readonly {
    readonly incarnation: Incarnation;
    readonly lowestOpen: number;
    readonly outcomes: readonly (readonly [number, Outcome])[];
  }[] {
    return [...this.#frontends]
      .map(([incarnation, { lowestOpen, outcomes }]) => ({
        incarnation,
        lowestOpen,
        outcomes: [...outcomes],
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

function octetsOf(outcome: Outcome): number {
  return outcome === 'refused' ? 0 : outcome.length;
}

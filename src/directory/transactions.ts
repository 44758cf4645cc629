/**
 * The numbers a frontend worker gives to what it asks for on behalf of clients (docs/architecture.md, section 3, sessions
 * outlive backends). The account's log remembers them, so a request whose answer was lost is sent again under the same
 * number and does its work once.
 */
import type { Incarnation, TransactionId } from '../store/ids.ts';

export interface OpenTransaction {
  /** As it is to be sent now: the lowest open number moves on while this one waits. */
  readonly id: TransactionId;
  /** The client has its answer; the owner may forget the number. */
  [Symbol.dispose](): void;
}

export class TransactionNumbers {
  readonly #incarnation: Incarnation;
  #last = 0;
  // Numbers are added in ascending order, and a Set keeps that order: its first element is the lowest.
  readonly #open = new Set<number>();

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation;
  }

  begin(): OpenTransaction {
    const number = ++this.#last;
    this.#open.add(number);
    const id = (): TransactionId => ({ incarnation: this.#incarnation, number, lowestOpen: this.#lowest() });
    return {
      get id() {
        return id();
      },
      [Symbol.dispose]: () => void this.#open.delete(number),
    };
  }

  #lowest(): number {
    for (const number of this.#open) return number;
    return this.#last + 1;
  }
}

/**
 * The different flags of some rows, numbered as a record lists them: each is worked out once, however many rows have it.
 */
import type { FlagSet } from './flags.ts';
import type { MailboxState } from './mailbox-state.ts';

export class FlagNumbering {
  readonly #mailbox: MailboxState;
  readonly #flagSets: FlagSet[] = [];
  /** By flags word. */
  readonly #numbers = new Map<number, number>();
  readonly #spelled: (flagSet: FlagSet) => FlagSet;

  /** `spelled`: as keywords are spelled where the rows go. */
  constructor(mailbox: MailboxState, spelled: (flagSet: FlagSet) => FlagSet = (flagSet) => flagSet) {
    this.#mailbox = mailbox;
    this.#spelled = spelled;
  }

  /** All that were numbered, in order. */
  get flagSets(): readonly FlagSet[] {
    return this.#flagSets;
  }

  /** The number of the flags that a row has. */
  of(index: number): number {
    const { rows, keywords } = this.#mailbox;
    const word = rows.word(index);
    let number = this.#numbers.get(word);
    if (number === undefined) {
      const flagSet = keywords.flagSet(rows.bits(index), rows.keywords(index));
      number = this.#flagSets.push(this.#spelled(flagSet)) - 1;
      this.#numbers.set(word, number);
    }
    return number;
  }
}

/**
 * Lets so many begin in each turn of the event loop, the others in the next ones, first come, first served. For work that
 * cannot be divided and that a crowd of peers can ask for at once, while timers of leases must not wait.
 */
export class Pace {
  readonly #perTurn: number;
  #begun = 0;
  #waiting: (() => void)[] = [];
  #isTurnDue = false;

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Resolves when it may begin. */
  async next(): Promise<void> {
    this.#nextTurnLater();
    if (this.#begun < this.#perTurn) this.#begun++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #nextTurnLater(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => {
      this.#isTurnDue = false;
      const admitted = this.#waiting.splice(0, this.#perTurn);
      this.#begun = admitted.length;
      if (admitted.length > 0) this.#nextTurnLater();
      for (const begin of admitted) begin();
    });
  }
}

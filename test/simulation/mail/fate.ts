/**
 * What can be known of one thing that comes and goes once (a message in a mailbox, a keyword on a message, a name of an
 * account): it is absent, then present, then gone, and never goes back. Clients tell what they asked for, what was
 * answered and what they saw; a contradiction is a broken promise (docs/architecture.md, section 6, invariants 1 and 2).
 */
export const Stage = { absent: 0, present: 1, gone: 2 } as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

export class Fate {
  /** It is at least here: somebody was answered, or has seen it. */
  #least: Stage = Stage.absent;
  /** It is at most here: nobody ever asked for more. */
  #most: Stage = Stage.absent;

  get least(): Stage {
    return this.#least;
  }

  get most(): Stage {
    return this.#most;
  }

  /** Somebody asked for it to come, or to go: from now on that may happen, whatever is answered. */
  asked(stage: Stage): void {
    if (stage > this.#most) this.#most = stage;
  }

  /** It was answered that it is so. */
  answered(stage: Stage): void {
    this.asked(stage);
    if (stage > this.#least) this.#least = stage;
  }

  /**
   * It was seen, or looked for and not seen; `before` is `least` as it was when the look began. Gives what is wrong with
   * that, or undefined.
   */
  seen(isThere: boolean, before: Stage): string | undefined {
    if (isThere) {
      if (this.#most === Stage.absent) return 'is there, and nobody asked for it';
      if (before === Stage.gone) return 'is there again';
      if (this.#least === Stage.absent) this.#least = Stage.present;
      return undefined;
    }
    if (before !== Stage.present) return undefined;
    if (this.#most !== Stage.gone) return 'is not there any more';
    this.#least = Stage.gone;
    return undefined;
  }
}

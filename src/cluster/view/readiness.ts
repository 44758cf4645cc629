/**
 * Whether the controller knows that this process may be ready (docs/architecture.md, section 6, invariant 5: "a settings
 * change is answered when every ready member shows it"). Pure.
 *
 * The controller counts a process as ready from the arrival of a message that says so, until `unheardMs` and the margin for
 * clock rates after the newest one. The process counts itself so by the same messages, for `unheardMs` from *before sending*
 * the newest one that was answered with authority. So whoever calls itself ready is waited for.
 *
 * Who was not ready until now also shows the version that the answer states: an older change than that was answered
 * without waiting for it.
 */

/** A message that said whether this process is ready, but for the controller's answer. */
export interface Said {
  readonly seq: number;
  readonly at: number;
  readonly ready: boolean;
}

export interface Answered {
  readonly hasAuthority: boolean;
  /** Of the settings: as stated with the answer, and shown here; -1: none. */
  readonly statedVersion: number;
  readonly shownVersion: number;
}

export class Readiness {
  readonly #unheardMs: number;
  #seq = 0;
  /** The newest message that said not ready: what was said before it counts no more, answered or not. */
  #deniedSeq = 0;
  #until = -Infinity;

  constructor(unheardMs: number) {
    this.#unheardMs = unheardMs;
  }

  /** Before a message is sent to the controller. */
  say(now: number, ready: boolean): Said {
    const said = { seq: ++this.#seq, at: now, ready };
    if (!ready) {
      this.#deniedSeq = said.seq;
      this.#until = -Infinity;
    }
    return said;
  }

  answered(now: number, said: Said, { hasAuthority, statedVersion, shownVersion }: Answered): void {
    if (!hasAuthority || !said.ready || said.seq < this.#deniedSeq) return;
    const isUpToDate = statedVersion >= 0 && shownVersion >= statedVersion;
    if (!this.isCounted(now) && !isUpToDate) return;
    this.#until = Math.max(this.#until, said.at + this.#unheardMs);
  }

  /** The controller counts this process as a ready one. */
  isCounted(now: number): boolean {
    return now < this.#until;
  }
}

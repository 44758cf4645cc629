/**
 * What an incarnation must remember of an object between two openings of its log: the files it created there, how many
 * octets of each it knows to be good, and when it last found no space. The host hands one to every `openLog` of the object
 * under a grant, which writes into it (docs/architecture.md, section 3, rule 3: sealing the failed file at its last
 * good sync). It is worth nothing to any other incarnation.
 */
export class Seals extends Map<number, number> {
  /** Monotonic time before which no new file is created, so that a full disk does not make numbers run away. */
  takeNotBeforeMs = 0;

  static from(seals: ReadonlyMap<number, number> | undefined): Seals {
    return seals instanceof Seals ? seals : new Seals(seals);
  }
}

/**
 * The last changes of a mailbox's messages, so that who asks after each of them what is new (every session that has the
 * mailbox selected) does not walk all messages. What reaches further back than this knows is found by walking.
 */
const CAPACITY_MIN = 16;
/** Changes remembered, 16 octets each. */
export const RECENT_CHANGES_MAX = 1024;

export class RecentChanges {
  /** Rings: the oldest at `#next`, once they are full. Modseqs ascend. */
  #modseq = new Float64Array(0);
  #uid = new Float64Array(0);
  #next = 0;
  #count = 0;
  /** Every change with a larger modseq is here. */
  #knownSince: number;

  constructor(modseq: number) {
    this.#knownSince = modseq;
  }

  add(uid: number, modseq: number): void {
    // Only records that a broken place has put out of order go back.
    if (this.#count > 0 && modseq < this.#modseqAt(this.#count - 1))
      return this.forget(Number.POSITIVE_INFINITY);
    if (this.#count === this.#modseq.length && this.#count < RECENT_CHANGES_MAX) this.#grow();
    if (this.#count === RECENT_CHANGES_MAX)
      this.#knownSince = Math.max(this.#knownSince, this.#modseq[this.#next] as number);
    else this.#count++;
    this.#modseq[this.#next] = modseq;
    this.#uid[this.#next] = uid;
    this.#next = (this.#next + 1) % this.#modseq.length;
  }

  /** There were changes up to this modseq that nobody has told of here. */
  forget(modseq: number): void {
    this.#knownSince = Math.max(this.#knownSince, modseq);
    this.#count = 0;
    this.#next = 0;
  }

  /** UIDs changed with a larger modseq, ascending, each once; undefined when some of them are not known. */
  since(modseq: number): readonly number[] | undefined {
    if (modseq < this.#knownSince) return undefined;
    const uids = new Set<number>();
    for (let age = this.#count - 1; age >= 0 && this.#modseqAt(age) > modseq; age--)
      uids.add(this.#uid[this.#slot(age)] as number);
    return [...uids].sort((a, b) => a - b);
  }

  /** By age, 0 the oldest. */
  #modseqAt(age: number): number {
    return this.#modseq[this.#slot(age)] as number;
  }

  #slot(age: number): number {
    const { length } = this.#modseq;
    return (this.#next - this.#count + age + length) % length;
  }

  /** Never full and turned: it grows until it may grow no more. */
  #grow(): void {
    const capacity = Math.max(CAPACITY_MIN, this.#modseq.length * 2);
    const [modseq, uid] = [new Float64Array(capacity), new Float64Array(capacity)];
    for (let age = 0; age < this.#count; age++) {
      modseq[age] = this.#modseqAt(age);
      uid[age] = this.#uid[this.#slot(age)] as number;
    }
    this.#modseq = modseq;
    this.#uid = uid;
    this.#next = this.#count;
  }
}

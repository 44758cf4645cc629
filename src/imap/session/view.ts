/**
 * What one client has been told of its selected mailbox: which UIDs stand at which message sequence numbers (RFC 9051
 * section 2.3.1.2). The mailbox runs ahead; `takeChanges` brings the view up to it and says what to tell.
 *
 * Three numbers (`Told`) are enough to build the view again at another owner: messages up to `uid` that are there now or
 * were expunged after `expunges` are exactly those the client counts.
 */
import type { Mailbox, ModSeq, Uid } from '../../store/account/types.ts';

export interface Told {
  /** Changes of flags up to this modseq have been told. */
  readonly changes: number;
  /** Expunges up to this modseq have been told. */
  readonly expunges: number;
  /** The highest UID that counts in EXISTS as told. */
  readonly uid: number;
}

export interface Changes {
  /** Sequence numbers as they must be told one after another: each counts in the numbering left by those before it. */
  readonly expunged: readonly number[];
  readonly vanished: readonly Uid[];
  /** The new EXISTS when messages have arrived. */
  readonly exists: number | undefined;
  /** UIDs told before whose flags have changed since. */
  readonly flags: readonly Uid[];
}

export class View {
  #uids: Uint32Array;
  #count: number;
  #told: Told;

  private constructor(uids: Uint32Array, told: Told) {
    this.#uids = uids;
    this.#count = uids.length;
    this.#told = told;
  }

  /** The view of a client that is told all of the mailbox now (SELECT, EXAMINE). */
  static of(mailbox: Mailbox): View {
    const uids = Uint32Array.from({ length: mailbox.exists }, (_, index) => mailbox.at(index).uid);
    const modseq = mailbox.highestModseq;
    return new View(uids, { changes: modseq, expunges: modseq, uid: mailbox.uidNext - 1 });
  }

  /** The view that a client was left with by another owner; undefined when the history no longer reaches so far back. */
  static rebuild(mailbox: Mailbox, told: Told): View | undefined {
    const expunged = mailbox.expungedSince(told.expunges as ModSeq);
    if (expunged === undefined) return undefined;
    const gone = expunged.filter((uid) => uid <= told.uid);
    const here = Array.from(
      { length: mailbox.lowerBound(told.uid + 1) },
      (_, index) => mailbox.at(index).uid,
    );
    return new View(Uint32Array.from([...here, ...gone]).sort(), told);
  }

  get told(): Told {
    return this.#told;
  }

  get exists(): number {
    return this.#count;
  }

  /** The UID at a sequence number, 1 … exists. */
  uidAt(sequence: number): Uid {
    return this.#uids[sequence - 1] as Uid;
  }

  /** The sequence number of a UID, or 0. */
  sequenceOf(uid: number): number {
    const index = this.lowerBound(uid);
    return index < this.#count && this.#uids[index] === uid ? index + 1 : 0;
  }

  /** Index of the first UID at or above this one. */
  lowerBound(uid: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#uids[middle]! < uid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Brings the view up to the mailbox; undefined means that the mailbox is gone, which the client sees as expunged
   * altogether. Expunges stay untold while `expunges` is false (RFC 9051 section 7.5.1: not during FETCH, STORE, SEARCH),
   * and while any is untold no new message is told either: so what was expunged later than `told.expunges` below
   * `told.uid` is known to have been counted, which `rebuild` relies on.
   */
  takeChanges(mailbox: Mailbox | undefined, expunges: boolean): Changes {
    const before = this.#told;
    const vanished = this.#vanished(mailbox);
    const upToDate = expunges || vanished.length === 0;
    const expunged = expunges ? this.#remove(vanished) : [];
    if (mailbox === undefined)
      return { expunged, vanished: expunges ? vanished : [], exists: undefined, flags: [] };
    const changed = mailbox.changedSince(before.changes as ModSeq);
    const flags = changed.filter((uid) => this.sequenceOf(uid) > 0);
    const added = upToDate ? this.#addNew(mailbox) : 0;
    this.#told = {
      changes: mailbox.highestModseq,
      expunges: upToDate ? mailbox.highestModseq : before.expunges,
      uid: upToDate ? mailbox.uidNext - 1 : before.uid,
    };
    return {
      expunged,
      vanished: expunges ? vanished : [],
      exists: added > 0 ? this.#count : undefined,
      flags,
    };
  }

  #vanished(mailbox: Mailbox | undefined): Uid[] {
    if (mailbox === undefined) return Array.from(this.#uids.subarray(0, this.#count)) as Uid[];
    const known = mailbox.expungedSince(this.#told.expunges as ModSeq);
    if (known !== undefined) return known.filter((uid) => this.sequenceOf(uid) > 0).sort((a, b) => a - b);
    const counted = Array.from(this.#uids.subarray(0, this.#count)) as Uid[];
    return counted.filter((uid) => mailbox.indexOf(uid) < 0);
  }

  /** Takes ascending UIDs out; gives their sequence numbers, each after those before it are gone. */
  #remove(uids: readonly Uid[]): number[] {
    if (uids.length === 0) return [];
    const sequences = uids.map((uid, earlier) => this.sequenceOf(uid) - earlier);
    const gone = new Set<number>(uids);
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      const uid = this.#uids[index]!;
      if (!gone.has(uid)) this.#uids[kept++] = uid;
    }
    this.#count = kept;
    return sequences;
  }

  #addNew(mailbox: Mailbox): number {
    const first = mailbox.lowerBound(this.#told.uid + 1);
    const added = mailbox.exists - first;
    if (added <= 0) return 0;
    if (this.#count + added > this.#uids.length) {
      const larger = new Uint32Array(Math.max(this.#count + added, this.#count * 2));
      larger.set(this.#uids.subarray(0, this.#count));
      this.#uids = larger;
    }
    for (let index = first; index < mailbox.exists; index++)
      this.#uids[this.#count++] = mailbox.at(index).uid;
    return added;
  }
}

/**
 * What one client has been told of its selected mailbox: which UIDs stand at which message sequence numbers (RFC 9051
 * section 2.3.1.2). The mailbox runs ahead; `takeChanges` brings the view up to it and says what to tell.
 *
 * Three numbers (`Told`) are enough to build the view again at another owner: messages up to `uid` that are there now or
 * were expunged after `expunges` are exactly those the client counts.
 */
import type { Slices } from '../../platform/slices.ts';
import { RangeBuilder, type UidRanges } from '../../store/account/ranges.ts';
import type { Mailbox, ModSeq, Uid } from '../../store/account/types.ts';
import type { Told } from '../wire.ts';
import { inSlices, STRIDE } from './in-slices.ts';

export interface Changes {
  /** Sequence numbers as they must be told one after another: each counts in the numbering left by those before it. */
  readonly expunged: readonly number[];
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
    const uids = mailbox.uids(0, mailbox.exists);
    const modseq = mailbox.highestModseq;
    return new View(uids, { changes: modseq, expunges: modseq, uid: mailbox.uidNext - 1 });
  }

  /** The view that a client was left with by another owner; undefined when the history no longer reaches so far back. */
  static rebuild(mailbox: Mailbox, told: Told): View | undefined {
    const expunged = mailbox.expungedSince(told.expunges as ModSeq);
    if (expunged === undefined) return undefined;
    const here = mailbox.uids(0, mailbox.lowerBound(told.uid + 1));
    return new View(merged(here, expunged, told.uid), told);
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

  /** The sequence numbers of the messages in these ranges of UIDs, as ranges. */
  async sequencesOf(uids: UidRanges, slices: Slices): Promise<UidRanges> {
    const builder = new RangeBuilder();
    for (const [at, [first, last]] of uids.entries()) {
      if (at % STRIDE === STRIDE - 1 && slices.due) await slices.rest();
      const [from, end] = [this.lowerBound(first), this.lowerBound(last + 1)];
      if (from < end) builder.addRange(from + 1, end);
    }
    return builder.ranges;
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
   * Brings the view up to the mailbox as it is at the call; undefined means that the mailbox is gone, which the client sees
   * as expunged altogether. Expunges stay untold while `expunges` is false (RFC 9051 section 7.5.1: not during FETCH,
   * STORE, SEARCH), and while any is untold no new message is told either: so what was expunged later than
   * `told.expunges` below `told.uid` is known to have been counted, which `rebuild` relies on.
   *
   * All that is asked of the mailbox is asked in this turn; what it takes to work it out goes in slices. Nothing else may
   * look at the view meanwhile.
   */
  async takeChanges(mailbox: Mailbox | undefined, expunges: boolean, slices: Slices): Promise<Changes> {
    const now = mailbox && this.#newsOf(mailbox);
    const vanished = await this.#vanished(now, slices);
    const upToDate = expunges || vanished.length === 0;
    const expunged = expunges ? await this.#remove(vanished, slices) : [];
    if (now === undefined) return { expunged, exists: undefined, flags: [] };
    const flags = await inSlices(now.changed, slices, (uid) => this.sequenceOf(uid) > 0);
    const { added, uidLast, highestModseq } = now;
    if (upToDate) this.#add(added);
    this.#told = {
      changes: highestModseq,
      expunges: upToDate ? highestModseq : this.#told.expunges,
      uid: upToDate ? uidLast : this.#told.uid,
    };
    return { expunged, exists: upToDate && added.length > 0 ? this.#count : undefined, flags };
  }

  #newsOf(mailbox: Mailbox): News {
    const { told } = this;
    const expunged = mailbox.expungedSince(told.expunges as ModSeq);
    return {
      expunged,
      ...(expunged === undefined && { here: mailbox.uids(0, mailbox.exists) }),
      changed: mailbox.changedSince(told.changes as ModSeq),
      added: mailbox.uids(mailbox.lowerBound(told.uid + 1), mailbox.exists),
      highestModseq: mailbox.highestModseq,
      uidLast: mailbox.uidNext - 1,
    };
  }

  /** Ascending. */
  async #vanished(now: News | undefined, slices: Slices): Promise<readonly Uid[]> {
    if (now?.expunged !== undefined) return inSlices(now.expunged, slices, (uid) => this.sequenceOf(uid) > 0);
    const counted = this.#uids.subarray(0, this.#count) as Iterable<number> as Iterable<Uid>;
    const here = now?.here ?? new Uint32Array();
    let at = 0;
    return inSlices(counted, slices, (uid) => {
      while (at < here.length && here[at]! < uid) at++;
      return here[at] !== uid;
    });
  }

  /** Takes ascending UIDs out; gives their sequence numbers, each after those before it are gone. */
  async #remove(uids: readonly Uid[], slices: Slices): Promise<readonly number[]> {
    const places: number[] = [];
    for (const uid of uids) {
      if (places.length % STRIDE === STRIDE - 1 && slices.due) await slices.rest();
      places.push(this.sequenceOf(uid) - 1);
    }
    const sequences: number[] = [];
    let kept = places[0] ?? this.#count;
    for (const [earlier, place] of places.entries()) {
      if (earlier % STRIDE === STRIDE - 1 && slices.due) await slices.rest();
      // What stays between this one and the next moves in one piece.
      const end = places[earlier + 1] ?? this.#count;
      this.#uids.copyWithin(kept, place + 1, end);
      kept += end - place - 1;
      sequences.push(place + 1 - earlier);
    }
    this.#count = kept;
    return sequences;
  }

  #add(added: Uint32Array): void {
    if (this.#count + added.length > this.#uids.length) {
      const larger = new Uint32Array(Math.max(this.#count + added.length, this.#count * 2));
      larger.set(this.#uids.subarray(0, this.#count));
      this.#uids = larger;
    }
    this.#uids.set(added, this.#count);
    this.#count += added.length;
  }
}

/** What is new in a mailbox, as of one moment. */
interface News {
  /** Undefined when the history no longer reaches so far back: then `here` has all that is there. */
  readonly expunged: readonly Uid[] | undefined;
  readonly here?: Uint32Array;
  readonly changed: readonly Uid[];
  readonly added: Uint32Array;
  readonly highestModseq: ModSeq;
  readonly uidLast: number;
}

/** Two ascending lists as one; of `more` only UIDs up to `uidMax`. */
function merged(uids: Uint32Array, more: readonly number[], uidMax: number): Uint32Array {
  const all = new Uint32Array(uids.length + more.length);
  let [count, from] = [0, 0];
  for (const uid of more) {
    if (uid > uidMax) break;
    while (from < uids.length && uids[from]! < uid) all[count++] = uids[from++]!;
    all[count++] = uid;
  }
  all.set(uids.subarray(from), count);
  return all.subarray(0, count + uids.length - from);
}

/**
 * One mailbox in memory: its rows, keyword sets, expunges and the sums over them. Only `apply` (state.ts) changes it.
 * UIDs and modseqs only grow (docs/architecture.md section 6, invariant 3).
 */
import type { AddedMessage, MessagesStated } from './changes.ts';
import { Columns, type Row, WORD_SETS } from './columns.ts';
import { ExpungedLog } from './expunged.ts';
import { DELETED, type FlagSet, SEEN } from './flags.ts';
import { KeywordSets } from './keywords.ts';
import type { UidRanges } from './ranges.ts';
import { RecentChanges } from './recent.ts';
import type { Staging } from './staging.ts';

export class MailboxState {
  readonly id: number;
  readonly uidValidity: number;
  name: string;
  /** False for a name that is only a parent. */
  selectable = true;
  specialUse: string | undefined;
  readonly rows = new Columns();
  readonly keywords = new KeywordSets();
  readonly expunged = new ExpungedLog();
  uidNext = 1;
  /** The modseq of the last change of this mailbox's messages; at first that of its creation (RFC 7162 section 3.1.2.1). */
  highestModseq: number;
  unseen = 0;
  deleted = 0;
  octets = 0;
  readonly #recent: RecentChanges;

  constructor(facts: {
    readonly id: number;
    readonly name: string;
    readonly uidValidity: number;
    readonly specialUse: string | undefined;
    readonly modseq: number;
  }) {
    this.id = facts.id;
    this.name = facts.name;
    this.uidValidity = facts.uidValidity;
    this.specialUse = facts.specialUse;
    this.highestModseq = facts.modseq;
    this.#recent = new RecentChanges(facts.modseq);
  }

  /** UIDs of messages here that changed with a larger modseq, ascending. */
  changedSince(modseq: number): readonly number[] {
    if (this.highestModseq <= modseq) return [];
    const recent = this.#recent.since(modseq);
    return recent === undefined
      ? this.rows.changedSince(modseq)
      : recent.filter((uid) => this.rows.indexOf(uid) >= 0);
  }

  /** False when its UID was given before; then nothing is added. */
  add(message: AddedMessage, flagSet: FlagSet, octets: number, modseq: number): boolean {
    if (message.uid < this.uidNext) return false;
    this.passUid(message.uid);
    this.#touch(modseq);
    this.#recent.add(message.uid, modseq);
    const keywords = this.keywords.retain(flagSet.keywords);
    const { uid, blob, dateMs } = message;
    this.rows.push({ uid, modseq, blob, dateMs, bits: flagSet.bits, keywords });
    this.#count(flagSet.bits, 1);
    this.octets += octets;
    return true;
  }

  /** All messages of a staging, with UIDs from `first` on by their positions; false when one was given before. */
  addStaged(staging: Staging, first: number, modseq: number): boolean {
    if (first < this.uidNext) return false;
    if (staging.count === 0) return true;
    this.#touch(modseq);
    this.#recent.forget(modseq);
    const { count } = staging;
    const words = staging.flags.map(
      ({ flagSet, messages }) =>
        this.keywords.retainFor(flagSet.keywords, messages) * WORD_SETS + flagSet.bits,
    );
    this.rows.append({
      uid: staging.position.slice(0, count).map((position) => first - 1 + position),
      word: staging.flagsIndex.slice(0, count).map((index) => words[index] as number),
      modseq: new Float64Array(count).fill(modseq),
      blob: staging.blob.subarray(0, count),
      dateMs: staging.dateMs.subarray(0, count),
    });
    this.unseen += staging.unseen;
    this.deleted += staging.deleted;
    this.octets += staging.octets;
    this.passUid(this.rows.uid(this.rows.count - 1));
    return true;
  }

  /** A UID was used, whether or not its message is here. */
  passUid(uid: number): void {
    this.uidNext = Math.max(this.uidNext, uid + 1);
  }

  /** UIDs that are not here are passed over: they were expunged, or lost with a damaged record. */
  setFlags(uids: UidRanges, flagSet: FlagSet, modseq: number): void {
    // Held before any old set is released, so that a keyword in both keeps its spelling.
    const keywords = this.keywords.retain(flagSet.keywords);
    for (const [from, to] of this.rows.spans(uids)) {
      this.#touch(modseq);
      for (let index = from; index < to; index++) {
        this.#count(this.rows.bits(index), -1);
        this.keywords.again(keywords);
        this.keywords.release(this.rows.keywords(index));
        this.rows.setFlags(index, flagSet.bits, keywords, modseq);
        this.#recent.add(this.rows.uid(index), modseq);
        this.#count(flagSet.bits, 1);
      }
    }
    this.keywords.release(keywords);
  }

  /** Removes messages and remembers that; `released` is called with each one's blob and gives its octets. */
  expunge(uids: UidRanges, wallMs: number, modseq: number, released: (blob: number) => number): void {
    const spans = [...this.rows.spans(uids)];
    if (spans.length === 0) return;
    this.#touch(modseq);
    this.#remove(spans, released);
    this.expunged.add(modseq, wallMs, uids);
  }

  /**
   * Of the UIDs from `first` to `last` there are exactly these messages. `retained` is called with each new one's blob
   * before `released` with each old one's; both give its octets, `retained` undefined when there is no such blob.
   */
  stateMessages(
    stated: MessagesStated,
    retained: (blob: number) => number | undefined,
    released: (blob: number) => number,
  ): void {
    const from = this.rows.lowerBound(stated.first);
    const to = this.rows.lowerBound(stated.last + 1);
    this.passUid(stated.messages.at(-1)?.uid ?? 0);
    if (this.#isStated(stated, from, to)) return;
    this.#recent.forget(
      stated.messages.reduce((most, { modseq }) => Math.max(most, modseq), this.highestModseq),
    );
    // Held until the end, so that a keyword in old and new keeps its spelling.
    const sets = stated.flagSets.map(({ keywords }) => this.keywords.retain(keywords));
    const rows: Row[] = [];
    for (const { uid, modseq, blob, dateMs, flags } of stated.messages) {
      const octets = retained(blob);
      if (octets === undefined) continue;
      const { bits } = stated.flagSets[flags] as FlagSet;
      const keywords = sets[flags] as number;
      this.keywords.again(keywords);
      rows.push({ uid, modseq, blob, dateMs, bits, keywords });
      this.#count(bits, 1);
      this.octets += octets;
    }
    for (let index = from; index < to; index++) this.#forget(index, released);
    for (const number of sets) this.keywords.release(number);
    this.rows.splice(from, to, rows);
  }

  /** The rows [from, to) are just these: the usual case, and the cheap one. */
  #isStated({ messages, flagSets }: MessagesStated, from: number, to: number): boolean {
    const { rows } = this;
    if (to - from !== messages.length) return false;
    /** By flags word: the index of the flags that are equal. */
    const known = new Map<number, number>();
    for (const [position, message] of messages.entries()) {
      const index = from + position;
      if (
        rows.uid(index) !== message.uid ||
        rows.modseq(index) !== message.modseq ||
        rows.blob(index) !== message.blob ||
        rows.dateMs(index) !== message.dateMs
      )
        return false;
      const word = rows.word(index);
      if (!known.has(word)) {
        const flagSet = flagSets[message.flags] as FlagSet;
        if (!this.keywords.same(rows.bits(index), rows.keywords(index), flagSet)) return false;
        known.set(word, message.flags);
      }
      if (known.get(word) !== message.flags) return false;
    }
    return true;
  }

  /**
   * The mailbox is deleted: whoever still looks at it sees it empty, and that it cannot say what went. Gives the blobs of
   * its messages, which are the caller's to let go.
   */
  end(modseq: number): Float64Array {
    this.#touch(modseq);
    const blobs = this.rows.clear();
    this.keywords.clear();
    this.unseen = 0;
    this.deleted = 0;
    this.octets = 0;
    this.expunged.forgetAll(modseq);
    return blobs;
  }

  #remove(spans: readonly (readonly [number, number])[], released: (blob: number) => number): void {
    for (const [from, to] of spans) for (let index = from; index < to; index++) this.#forget(index, released);
    this.rows.remove(spans);
  }

  /** Takes a row out of the sums and sets; the row itself is removed by the caller. */
  #forget(index: number, released: (blob: number) => number): void {
    this.#count(this.rows.bits(index), -1);
    this.keywords.release(this.rows.keywords(index));
    this.octets -= released(this.rows.blob(index));
  }

  #count(bits: number, by: 1 | -1): void {
    if ((bits & SEEN) === 0) this.unseen += by;
    if ((bits & DELETED) !== 0) this.deleted += by;
  }

  #touch(modseq: number): void {
    this.highestModseq = Math.max(this.highestModseq, modseq);
  }
}

/**
 * One mailbox in memory: its rows, keyword sets, expunges and the sums over them. Only `apply` (state.ts) changes it.
 * UIDs and modseqs only grow (docs/architecture.md section 6, invariant 3).
 */
import type { AddedMessage } from './changes.ts';
import { Columns } from './columns.ts';
import { ExpungedLog } from './expunged.ts';
import { DELETED, type FlagSet, SEEN } from './flags.ts';
import { KeywordSets } from './keywords.ts';
import type { UidRanges } from './ranges.ts';

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
  }

  /** False when its UID was given before; then nothing is added. */
  add(message: AddedMessage, flagSet: FlagSet, octets: number, modseq: number): boolean {
    if (message.uid < this.uidNext) return false;
    this.passUid(message.uid);
    this.#touch(modseq);
    const keywords = this.keywords.retain(flagSet.keywords);
    const { uid, blob, dateMs } = message;
    this.rows.push({ uid, modseq, blob, dateMs, bits: flagSet.bits, keywords });
    this.#count(flagSet.bits, 1);
    this.octets += octets;
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

  /** The mailbox is deleted: whoever still looks at it sees it empty, and that it cannot say what went. */
  end(modseq: number, released: (blob: number) => number): void {
    this.#touch(modseq);
    if (this.rows.count > 0) this.#remove([[0, this.rows.count]], released);
    this.expunged.forgetAll(modseq);
  }

  #remove(spans: readonly (readonly [number, number])[], released: (blob: number) => number): void {
    for (const [from, to] of spans)
      for (let index = from; index < to; index++) {
        this.#count(this.rows.bits(index), -1);
        this.keywords.release(this.rows.keywords(index));
        this.octets -= released(this.rows.blob(index));
      }
    this.rows.remove(spans);
  }

  #count(bits: number, by: 1 | -1): void {
    if ((bits & SEEN) === 0) this.unseen += by;
    if ((bits & DELETED) !== 0) this.deleted += by;
  }

  #touch(modseq: number): void {
    this.highestModseq = Math.max(this.highestModseq, modseq);
  }
}

/** Mailboxes and messages as sessions see them: windows on the state (types.ts). A deleted mailbox's window shows it empty. */
import type { BlobPlace, BlobTable } from './blobs.ts';
import { SEEN } from './flags.ts';
import type { MailboxState } from './mailbox-state.ts';
import { uidsOf } from './ranges.ts';
import type { Mailbox, MailboxId, Message, ModSeq, Uid } from './types.ts';

export class MailboxView implements Mailbox {
  readonly #state: MailboxState;
  readonly #blobs: BlobTable;

  constructor(state: MailboxState, blobs: BlobTable) {
    this.#state = state;
    this.#blobs = blobs;
  }

  get id(): MailboxId {
    return this.#state.id as MailboxId;
  }
  get name(): string {
    return this.#state.name;
  }
  get selectable(): boolean {
    return this.#state.selectable;
  }
  get specialUse(): string | undefined {
    return this.#state.specialUse;
  }
  get uidValidity(): number {
    return this.#state.uidValidity;
  }
  get uidNext(): Uid {
    return this.#state.uidNext as Uid;
  }
  get highestModseq(): ModSeq {
    return this.#state.highestModseq as ModSeq;
  }
  get exists(): number {
    return this.#state.rows.count;
  }
  get unseen(): number {
    return this.#state.unseen;
  }
  get deleted(): number {
    return this.#state.deleted;
  }
  get octets(): number {
    return this.#state.octets;
  }
  get keywords(): readonly string[] {
    return this.#state.keywords.inUse;
  }

  at(index: number): Message {
    const { rows, keywords } = this.#state;
    const blob = rows.blob(index);
    const place = this.#blobs.place(blob);
    if (place === undefined) throw new RangeError(`message without blob ${blob}`);
    const flags = keywords.flags(rows.bits(index), rows.keywords(index));
    return new MessageRow(this.#blobs, {
      uid: rows.uid(index) as Uid,
      modseq: rows.modseq(index) as ModSeq,
      flags,
      internalDateMs: rows.dateMs(index),
      blob,
      place,
    });
  }

  indexOf(uid: Uid): number {
    return this.#state.rows.indexOf(uid);
  }

  lowerBound(uid: number): number {
    return this.#state.rows.lowerBound(uid);
  }

  uids(from: number, to: number): Uint32Array {
    return this.#state.rows.uids(from, to);
  }

  get firstUnseen(): number {
    const { rows, unseen } = this.#state;
    return unseen === 0 ? -1 : rows.firstWithout(SEEN);
  }

  changedSince(modseq: ModSeq): readonly Uid[] {
    return this.#state.changedSince(modseq) as readonly Uid[];
  }

  expungedSince(modseq: ModSeq): readonly Uid[] | undefined {
    // A UID goes once, so the ranges do not overlap: sorting these sorts the UIDs.
    const ranges = this.#state.expunged.since(modseq)?.toSorted(([a], [b]) => a - b);
    return ranges && uidsOf(ranges);
  }
}

/** All values taken when it was made, so that it stays whole across an await, if no longer new. */
export class MessageRow implements Message {
  readonly uid: Uid;
  readonly modseq: ModSeq;
  readonly flags: readonly string[];
  readonly internalDateMs: number;
  readonly blob: number;
  readonly place: BlobPlace;
  readonly #blobs: BlobTable;

  constructor(
    blobs: BlobTable,
    values: Pick<MessageRow, 'uid' | 'modseq' | 'flags' | 'internalDateMs' | 'blob' | 'place'>,
  ) {
    this.#blobs = blobs;
    this.uid = values.uid;
    this.modseq = values.modseq;
    this.flags = values.flags;
    this.internalDateMs = values.internalDateMs;
    this.blob = values.blob;
    this.place = values.place;
  }

  get size(): number {
    return this.place.octets;
  }

  /** RFC 8474 section 5.1: copies share the blob, and no blob id is ever used again in the account. */
  get emailId(): string {
    return `M${this.blob}`;
  }

  /** True when this is a row of the account, as opened now, that has this table: its place means nothing elsewhere. */
  isOf(blobs: BlobTable): boolean {
    return this.#blobs === blobs;
  }
}

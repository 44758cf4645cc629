/** A mailbox as the store has it, without an account: rows are added and expunged at once. */
import { BlobTable } from '../../../src/store/account/blobs.ts';
import { NO_FLAGS } from '../../../src/store/account/flags.ts';
import { MailboxState } from '../../../src/store/account/mailbox-state.ts';
import { MailboxView } from '../../../src/store/account/views.ts';

export class Rows {
  readonly blobs = new BlobTable();
  readonly state = new MailboxState({
    id: 1,
    name: 'INBOX',
    uidValidity: 7,
    specialUse: undefined,
    modseq: 1,
  });
  readonly mailbox = new MailboxView(this.state, this.blobs);
  #modseq = 1;

  /** Messages of these sizes, in one commit. */
  add(count: number, size = 100): this {
    const modseq = ++this.#modseq;
    for (let each = 0; each < count; each++) {
      const blob = this.blobs.nextId;
      this.blobs.put(blob, { record: { file: 1, offset: blob * size, octets: size }, octets: size });
      this.blobs.retain(blob);
      this.state.add({ uid: this.state.uidNext, blob, dateMs: 0, flags: 0 }, NO_FLAGS, size, modseq);
    }
    return this;
  }

  expunge(...uids: readonly number[]): this {
    const ranges = uids.map((uid) => [uid, uid] as const);
    this.state.expunge(ranges, 0, ++this.#modseq, () => 100);
    return this;
  }

  get uids(): readonly number[] {
    return Array.from({ length: this.mailbox.exists }, (_, index) => this.mailbox.at(index).uid);
  }
}

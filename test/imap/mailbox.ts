/** A mailbox and its messages in memory, with a count of the octets that were read. */
import type { Slices } from '../../src/platform/slices.ts';
import type { Mailbox, MailboxId, Message, ModSeq, Uid } from '../../src/store/account/types.ts';

export interface Stored {
  readonly content?: Buffer | string;
  readonly flags?: readonly string[];
  readonly internalDateMs?: number;
  readonly modseq?: number;
  readonly uid?: number;
}

export class MemoryMailbox {
  readonly #rows: { message: Message; content: Buffer }[];
  readonly #byUid: ReadonlyMap<number, { content: Buffer }>;
  octetsRead = 0;
  reads = 0;

  constructor(stored: readonly Stored[]) {
    this.#rows = stored.map((one, index) => {
      const content = Buffer.from(one.content ?? '');
      return {
        content,
        message: {
          uid: (one.uid ?? index + 1) as Uid,
          modseq: (one.modseq ?? 1) as ModSeq,
          flags: one.flags ?? [],
          internalDateMs: one.internalDateMs ?? 0,
          size: content.length,
          emailId: `M${one.uid ?? index + 1}`,
        },
      };
    });
    this.#byUid = new Map(this.#rows.map((row) => [row.message.uid, row]));
  }

  get mailbox(): Mailbox {
    const rows = this.#rows;
    const at = (index: number) => rows[index]!.message;
    const indexOf = (uid: number) => rows.findIndex((row) => row.message.uid === uid);
    return {
      id: 1 as MailboxId,
      name: 'INBOX',
      selectable: true,
      specialUse: undefined,
      uidValidity: 1,
      uidNext: ((rows.at(-1)?.message.uid ?? 0) + 1) as Uid,
      highestModseq: 1 as ModSeq,
      exists: rows.length,
      unseen: 0,
      deleted: 0,
      octets: 0,
      keywords: [],
      at,
      indexOf: rows.length > 500 ? (uid) => uid - 1 : indexOf,
      lowerBound: (uid) => rows.findIndex((row) => row.message.uid >= uid),
      uids: (from, to) => Uint32Array.from(rows.slice(from, to), ({ message }) => message.uid),
      firstUnseen: rows.findIndex(({ message }) => !message.flags.includes('\\Seen')),
      changedSince: () => [],
      expungedSince: () => [],
    };
  }

  get view() {
    const uids = this.#rows.map((row) => row.message.uid);
    return { exists: uids.length, uidAt: (sequence: number) => uids[sequence - 1]! };
  }

  expunge(uid: number): void {
    this.#rows.splice(
      this.#rows.findIndex((row) => row.message.uid === uid),
      1,
    );
  }

  readonly read = (message: Message, from: number, octets: number): Promise<Buffer> => {
    const row = this.#byUid.get(message.uid)!;
    const part = row.content.subarray(from, from + octets);
    this.octetsRead += part.length;
    this.reads++;
    return Promise.resolve(Buffer.from(part));
  };
}

/** Slices that are always used up, and count the rests: every place that may rest is gone through. */
export function greedySlices(onRest: () => void = () => undefined): Slices {
  const slices = {
    due: true,
    rest: () => {
      onRest();
      return Promise.resolve();
    },
  };
  return slices as unknown as Slices;
}

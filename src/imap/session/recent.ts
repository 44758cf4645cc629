/**
 * \Recent (RFC 3501 section 2.3.2): a message is recent to the first session that is told of it, and to no later one if
 * that session could write. One number a mailbox says where the messages begin that nobody was told of; it is kept in a
 * property of the account, written when a session leaves its mailbox. Losing it costs nothing: where it is not known
 * whether a message was told, it should count as recent.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import type { Account, MailboxId } from '../../store/account/types.ts';
import type { RecentRanges } from '../wire.ts';

/** What of the account the book needs. */
export type BookedAccount = Pick<Account, 'property' | 'setProperties' | 'mailboxById' | 'gone'>;

const PROPERTY = 'imap.recent';

/** Of one open account: shared by all its sessions. */
export class RecentBook {
  readonly #account: BookedAccount;
  readonly #firsts: Map<MailboxId, number>;
  #isDirty = false;

  constructor(account: BookedAccount) {
    this.#account = account;
    this.#firsts = decodeBook(account.property(PROPERTY));
  }

  /** The lowest UID that no session which could write was told of. */
  first(mailbox: MailboxId): number {
    return this.#firsts.get(mailbox) ?? 1;
  }

  /** A session that can write has been told of every message below this UID. */
  told(mailbox: MailboxId, uidNext: number): void {
    if (uidNext <= this.first(mailbox)) return;
    this.#firsts.set(mailbox, uidNext);
    this.#isDirty = true;
  }

  /** Writes what is new; never rejects, as nobody waits for it and nothing rests on it. */
  async save(): Promise<void> {
    if (!this.#isDirty || this.#account.gone.aborted) return;
    this.#isDirty = false;
    for (const mailbox of this.#firsts.keys())
      if (this.#account.mailboxById(mailbox) === undefined) this.#firsts.delete(mailbox);
    try {
      await this.#account.setProperties(new Map([[PROPERTY, encodeBook(this.#firsts)]]));
    } catch {
      this.#isDirty = true; // no space, or no longer ours: the next session that leaves tries again
    }
  }
}

/** The book of each open account, as long as it is open. */
export class RecentBooks {
  readonly #books = new WeakMap<BookedAccount, RecentBook>();

  of(account: BookedAccount): RecentBook {
    let book = this.#books.get(account);
    if (book === undefined) {
      book = new RecentBook(account);
      this.#books.set(account, book);
    }
    return book;
  }
}

/** Ranges of one session; beyond that the oldest messages are no longer recent to it. */
const RANGES_MAX = 1000;

/** UIDs that are recent to one session. */
export class RecentUids {
  readonly #ranges: [first: number, last: number][];

  constructor(ranges: RecentRanges = []) {
    this.#ranges = ranges.map(([first, last]) => [first, last]);
  }

  get ranges(): RecentRanges {
    return this.#ranges;
  }

  /** Above all that was added before. */
  add(first: number, last: number): void {
    if (first > last) return;
    const latest = this.#ranges.at(-1);
    if (latest !== undefined && latest[1] + 1 === first) latest[1] = last;
    else this.#ranges.push([first, last]);
    if (this.#ranges.length > RANGES_MAX) this.#ranges.shift();
  }

  has(uid: number): boolean {
    // Mostly of the newest messages, so from the end; and mostly there is one range.
    for (let index = this.#ranges.length - 1; index >= 0; index--) {
      const [first, last] = this.#ranges[index]!;
      if (uid > last) return false;
      if (uid >= first) return true;
    }
    return false;
  }

  /** How many of the client's messages are recent to it. */
  countIn(view: { lowerBound(uid: number): number }): number {
    let count = 0;
    for (const [first, last] of this.#ranges) count += view.lowerBound(last + 1) - view.lowerBound(first);
    return count;
  }
}

function encodeBook(firsts: ReadonlyMap<MailboxId, number>): Buffer {
  return new Encoder().list([...firsts], ([mailbox, first], e) => e.uint(mailbox).uint(first)).done();
}

/** A value that cannot be read counts as none. */
function decodeBook(octets: Buffer | undefined): Map<MailboxId, number> {
  if (octets === undefined) return new Map();
  try {
    return new Map(new Decoder(octets).list((d) => [d.uint() as MailboxId, d.uint()] as const));
  } catch (error) {
    if (error instanceof DecodeError) return new Map();
    throw error;
  }
}

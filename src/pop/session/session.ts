/**
 * The owner's side of one POP3 session: its maildrop, what it has marked and what it has retrieved. Commands
 * (src/pop/commands/) work on it one at a time; the frontend keeps what it takes to go on elsewhere.
 *
 * There is no exclusive lock on the maildrop (docs/pop.md): what RFC 1939 section 4 wants one for, that no message is
 * changed or removed under the session, is kept by numbers that never change and by deleting UIDs only.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock } from '../../platform/platform.ts';
import { Slices } from '../../platform/slices.ts';
import { rangesOf } from '../../store/account/ranges.ts';
import type { Account, Mailbox, Message, Uid } from '../../store/account/types.ts';
import { UidList } from '../uid-list.ts';
import type { Opened } from '../wire.ts';
import { Maildrop } from './maildrop.ts';
import { Marks } from './marks.ts';

export interface SessionOptions {
  readonly account: Account;
  /** As the client logged in; for logs. */
  readonly login: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Totals {
  readonly count: number;
  readonly octets: number;
}

/** So many messages are changed in one commit, as COPY and MOVE do it: a few milliseconds. */
export const BATCH_MESSAGES = 5000;
/** So many retrieved messages wait for their \Seen: a sync for each would cost more than the message. */
export const SEEN_WAITING_MAX = 100;

export class PopSession {
  readonly account: Account;
  readonly #options: SessionOptions;
  #opened: Opened | undefined;
  #drop: Maildrop | undefined;
  /** Why there is no maildrop: a new owner could not show it again. */
  #lost: unknown;
  #marks = new Marks(0);
  /** Retrieved messages whose \Seen is not written. */
  readonly #seen = new UidList();
  /** Of marked messages that are still there; undefined when it must be counted again. */
  #marked: Totals | undefined = { count: 0, octets: 0 };

  constructor(options: SessionOptions) {
    this.account = options.account;
    this.#options = options;
  }

  /** Opens the maildrop as it is now. */
  open(): Opened {
    const drop = Maildrop.open(this.#inbox());
    this.#take(drop, drop.opened);
    return drop.opened;
  }

  /** Takes up a session that another owner served. */
  resume(opened: Opened): void {
    this.#take(undefined, opened);
    try {
      this.#drop = Maildrop.resume(this.#inbox(), opened);
    } catch (error) {
      // QUIT can be done all the same, and may be why: the UIDs it has to delete are known.
      this.#lost = error;
    }
  }

  #take(drop: Maildrop | undefined, opened: Opened): void {
    this.#drop = drop;
    this.#opened = opened;
    this.#marks = new Marks(opened.count);
  }

  /** Marks that another owner took. */
  resumeMarks(deleted: Buffer, seen: Buffer): void {
    this.#seen.pushPiece(seen);
    const uids = new UidList();
    uids.pushPiece(deleted);
    for (const uid of uids.slice(0, uids.count)) this.#marks.add(this.#drop?.numberOf(uid) ?? 0, uid);
    this.#marked = undefined;
  }

  /** The maildrop with all that has happened to it. Failure 'not-found' when it cannot be shown any more. */
  drop(): Maildrop {
    if (this.#drop === undefined) throw this.#lost ?? new Failure('invalid', 'no maildrop was opened');
    if (this.#drop.refresh()) this.#marked = undefined;
    return this.#drop;
  }

  /** The message of a number that is there and not marked as deleted. */
  message(number: number): Message | undefined {
    const message = this.drop().message(number);
    return this.#marks.has(number) ? undefined : message;
  }

  isMarked(number: number): boolean {
    return this.#marks.has(number);
  }

  mark(number: number, { uid, size }: Message): void {
    this.#marks.add(number, uid);
    if (this.#marked === undefined) return;
    this.#marked = { count: this.#marked.count + 1, octets: this.#marked.octets + size };
  }

  unmarkAll(): void {
    this.#marks.clear();
    this.#marked = { count: 0, octets: 0 };
  }

  /** Messages that are there and not marked, and their octets (RFC 1939 section 5, STAT). */
  async totals(): Promise<Totals> {
    for (;;) {
      const marked = await this.#countMarked();
      const newer = await this.#countNewer();
      const { mailbox, here } = this.drop();
      // All three as of one moment, or once more.
      if (this.#marked === marked && mailbox.highestModseq === newer.modseq)
        return { count: here - marked.count, octets: mailbox.octets - newer.octets - marked.octets };
    }
  }

  slices(): Slices {
    return new Slices(this.#options.clock, this.account.gone);
  }

  /** Whether enough have been retrieved that their \Seen is to be written now. */
  get seenIsDue(): boolean {
    return this.#seen.count >= SEEN_WAITING_MAX;
  }

  retrieved(uid: number): void {
    this.#seen.push(uid);
  }

  /** Writes \Seen for what was retrieved. Best effort where there is no room: nobody was promised it. */
  async writeSeen(): Promise<void> {
    const { count } = this.#seen;
    if (count === 0) return;
    const uids = rangesOf(this.#seen.slice(0, count) as Uid[]);
    this.#seen.clear();
    try {
      await this.account.storeFlags(this.#inbox().id, { uids, mode: 'add', flags: ['\\Seen'] });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { logger, login } = this.#options;
      logger.warn({ login, err: error, count }, 'pop: \\Seen was not written');
    }
  }

  /**
   * The UPDATE state: deletes what was marked and nothing else. UIDs are never given again, so it may be done twice.
   * Failure 'no-space' or 'limit' when some are not removed.
   */
  async update(transaction: Parameters<Account['expunge']>[2], working: () => Promise<void>): Promise<void> {
    await this.writeSeen();
    const { uids } = this.#marks;
    const inbox = this.#inbox();
    if (inbox.uidValidity !== this.#opened?.uidValidity)
      throw new Failure('not-found', 'INBOX is another one');
    for (let from = 0; from < uids.count; from += BATCH_MESSAGES) {
      const batch = rangesOf(uids.slice(from, BATCH_MESSAGES) as Uid[]);
      const isLast = from + BATCH_MESSAGES >= uids.count;
      await this.account.storeFlags(inbox.id, { uids: batch, mode: 'add', flags: ['\\Deleted'] });
      await this.account.expunge(inbox.id, batch, isLast ? transaction : undefined);
      if (!isLast) await working();
    }
  }

  #inbox(): Mailbox {
    const inbox = this.account.mailbox('INBOX');
    if (inbox === undefined) throw new Failure('damaged', 'an account without INBOX');
    return inbox;
  }

  async #countMarked(): Promise<Totals> {
    const slices = this.slices();
    for (;;) {
      this.drop();
      if (this.#marked !== undefined) return this.#marked;
      // Taken away again by whatever goes while it is counted.
      const unknown = { count: 0, octets: 0 };
      this.#marked = unknown;
      const counted = await this.#countThere(slices);
      this.drop();
      if (this.#marked === unknown) this.#marked = counted;
    }
  }

  async #countThere(slices: Slices): Promise<Totals> {
    const { uids } = this.#marks;
    let [count, octets] = [0, 0];
    for (let from = 0; from < uids.count; from += SLICE_MESSAGES) {
      const { mailbox } = this.drop();
      for (const uid of uids.slice(from, SLICE_MESSAGES)) {
        const index = mailbox.indexOf(uid as Uid);
        if (index < 0) continue;
        count++;
        octets += mailbox.at(index).size;
      }
      if (slices.due) await slices.rest();
    }
    return { count, octets };
  }

  /** Messages that came after the opening: they count for the mailbox, not for the maildrop. */
  async #countNewer(): Promise<{ readonly octets: number; readonly modseq: number }> {
    const slices = this.slices();
    for (;;) {
      const { mailbox, opened } = this.drop();
      const { highestModseq, exists } = mailbox;
      let octets = 0;
      let index = mailbox.lowerBound(opened.uid + 1);
      while (index < exists && mailbox.highestModseq === highestModseq) {
        octets += mailbox.at(index++).size;
        if (slices.due) await slices.rest();
      }
      if (mailbox.highestModseq === highestModseq) return { octets, modseq: highestModseq };
    }
  }
}

/** Looked up between two looks at the clock. */
const SLICE_MESSAGES = 1000;

/** The account says no, and would say so again. */
export function isRefusal(error: unknown): boolean {
  const code = failureCode(error);
  return code === 'no-space' || code === 'limit' || code === 'refused' || code === 'invalid';
}

/**
 * The maildrop of one session: INBOX as it was when the session opened it. Message numbers are 1, 2, … by ascending UID
 * and never change (RFC 1939 section 5); what others expunge meanwhile leaves its number without a message.
 *
 * Nothing is copied, so that a million messages open at once and cost nothing: the mailbox has all that is still there,
 * in order, and its log of expunges says what has gone since; the two together are exactly what there was. For the same
 * reason any owner has the same numbers.
 */
import { firstNot } from '../../lib/ascending.ts';
import { Failure } from '../../lib/failure.ts';
import type { Mailbox, Message, ModSeq } from '../../store/account/types.ts';
import type { Opened } from '../wire.ts';

export class Maildrop {
  readonly mailbox: Mailbox;
  readonly opened: Opened;
  /** UIDs that were there at the opening and have gone, ascending. */
  #gone = new Uint32Array(0);
  #goneUpTo: number;

  private constructor(mailbox: Mailbox, opened: Opened) {
    this.mailbox = mailbox;
    this.opened = opened;
    this.#goneUpTo = opened.modseq;
  }

  static open(mailbox: Mailbox): Maildrop {
    return new Maildrop(mailbox, {
      uidValidity: mailbox.uidValidity,
      uid: mailbox.uidNext - 1,
      modseq: mailbox.highestModseq,
      count: mailbox.exists,
    });
  }

  /** One that another owner opened. Failure 'not-found' when its numbers cannot be told any more. */
  static resume(mailbox: Mailbox, opened: Opened): Maildrop {
    const drop = new Maildrop(mailbox, opened);
    drop.refresh();
    return drop;
  }

  /**
   * Takes in what has been expunged; to be called before a look at the maildrop that follows an await. True when
   * something has gone. Failure 'not-found' as in `resume`.
   */
  refresh(): boolean {
    const { mailbox, opened } = this;
    if (mailbox.uidValidity !== opened.uidValidity) throw lost('INBOX is another one now');
    const { highestModseq } = mailbox;
    if (highestModseq === this.#goneUpTo) return false;
    const news = mailbox.expungedSince(this.#goneUpTo as ModSeq);
    if (news === undefined) throw lost('too many messages have been expunged');
    const before = this.#gone.length;
    this.#gone = merged(this.#gone, news, opened.uid);
    this.#goneUpTo = highestModseq;
    // A message that a broken record took away is in no log of expunges: no number above it could be trusted.
    if (this.here + this.#gone.length !== opened.count) throw lost('messages were lost');
    return this.#gone.length > before;
  }

  /** Messages of the maildrop that are still there. */
  get here(): number {
    return this.mailbox.lowerBound(this.opened.uid + 1);
  }

  /** Undefined when there is no such number, or its message has gone. */
  message(number: number): Message | undefined {
    if (!Number.isSafeInteger(number) || number < 1 || number > this.opened.count) return undefined;
    const gone = this.#goneBelow(number);
    if (this.#goneNumber(gone) === number) return undefined;
    return this.mailbox.at(number - 1 - gone);
  }

  /** Of a UID of the maildrop, also of one that has gone. */
  numberOf(uid: number): number {
    const gone = firstNot(0, this.#gone.length, (index) => (this.#gone[index] as number) < uid);
    return this.mailbox.lowerBound(uid) + gone + 1;
  }

  /** The messages that are there from a number on; to be left before anything is awaited. */
  *from(first: number): Generator<readonly [number: number, message: Message]> {
    let gone = this.#goneBelow(first);
    let index = first - 1 - gone;
    const end = this.here;
    let nextGone = this.#goneNumber(gone);
    for (let number = first; index < end; number++) {
      if (number === nextGone) nextGone = this.#goneNumber(++gone);
      else yield [number, this.mailbox.at(index++)];
    }
  }

  /** Messages with numbers below this one that have gone. */
  #goneBelow(number: number): number {
    return firstNot(0, this.#gone.length, (index) => this.#goneNumber(index) < number);
  }

  /** The number that a gone message had: messages there and gone below it, and one. Infinity behind the last. */
  #goneNumber(index: number): number {
    const uid = this.#gone[index];
    return uid === undefined ? Number.POSITIVE_INFINITY : this.mailbox.lowerBound(uid) + index + 1;
  }
}

function lost(why: string): Failure {
  return new Failure('not-found', `the maildrop cannot be shown again: ${why}`);
}

/** Two ascending lists as one; of `news` only UIDs up to `uidMax`. */
function merged(old: Uint32Array, news: readonly number[], uidMax: number): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(old.length + news.length);
  let [count, from] = [0, 0];
  for (const uid of news) {
    if (uid > uidMax) break;
    while (from < old.length && (old[from] as number) < uid) all[count++] = old[from++] as number;
    all[count++] = uid;
  }
  while (from < old.length) all[count++] = old[from++] as number;
  return all.slice(0, count);
}

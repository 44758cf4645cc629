/**
 * The account's state as records for a compaction (src/store/compaction/types.ts has the rules). The order makes them
 * hold: contents first, so that no record of a message ever names a blob that has not been copied; then the mailboxes'
 * names and counters; then the messages of each in ranges of UIDs, ending with what is known of its expunges; what is
 * left is said in records that state a whole value anyway. Records repeat UIDs, modseqs and ids as they are.
 */

import { strict as assert } from 'node:assert';
import { SLICE_LIMITS, type SliceLimits } from '../compaction/limits.ts';
import type { CompactionSource, Slice } from '../compaction/types.ts';
import type { LogMaintenance, Place, RecordInput } from '../log/types.ts';
import type { BlobPlace } from './blobs.ts';
import type {
  Change,
  ExpungesStated,
  Initial,
  MailboxStated,
  MessagesStated,
  StatedMessage,
} from './changes.ts';
import { FlagNumbering } from './flag-numbering.ts';
import type { MailboxState } from './mailbox-state.ts';
import { BLOB_TYPE, encode } from './records.ts';
import { encodeState } from './snapshot.ts';
import { type AccountState, apply, INITIAL_MODSEQ } from './state.ts';

/** About the octets of log that these cost, headers included. */
const BLOB_RECORD_OCTETS = 56;
const MESSAGE_OCTETS = 24;
const RANGE_OCTETS = 16;

/** A blob that was read to be copied. */
interface ReadBlob {
  readonly id: number;
  readonly from: BlobPlace;
  readonly payload: readonly Buffer[];
}

export class AccountCompaction implements CompactionSource {
  readonly #state: AccountState;
  readonly #initial: Initial;
  readonly #maintenance: LogMaintenance;
  readonly #slice: SliceLimits;

  constructor(
    state: AccountState,
    initial: Initial,
    maintenance: LogMaintenance,
    limits: Partial<SliceLimits> = {},
  ) {
    this.#slice = { ...SLICE_LIMITS, ...limits };
    this.#state = state;
    this.#initial = initial;
    this.#maintenance = maintenance;
  }

  liveOctets(): number {
    const { blobs, mailboxes, propertyOctets, transactions } = this.#state;
    let octets = blobs.liveOctets + blobs.count * BLOB_RECORD_OCTETS + propertyOctets + transactions.octets;
    for (const { rows, expunged } of mailboxes.values())
      octets += rows.count * MESSAGE_OCTETS + expunged.count * RANGE_OCTETS;
    return octets;
  }

  snapshot(): Buffer | undefined {
    return encodeState(this.#state, this.#maintenance);
  }

  *slices(replacing: ReadonlySet<number>): Generator<Slice> {
    assert.equal(this.#state.stagings.size, 0, 'no large copy is under way');
    if (!this.#state.initialLogged) yield this.#stating(() => [this.#initial], INITIAL_MODSEQ);
    yield* this.#blobs(replacing);
    yield* this.#mailboxes();
    yield* this.#messages();
    yield* this.#subscriptions();
    yield* this.#properties();
    yield* this.#transactions();
    yield this.#stating(() => [this.#counters()]);
  }

  /** A slice of changes, worked out when it is appended; they are applied as every change is. */
  #stating(build: () => readonly Change[], modseq?: number): Slice {
    let changes: readonly Change[] = [];
    let at = INITIAL_MODSEQ;
    return {
      records: () => {
        changes = build();
        at = modseq ?? this.#state.modseq;
        return changes.map((change) => ({ ...encode(change), modseq: at }));
      },
      applied: (places) => {
        for (const [index, change] of changes.entries())
          apply(this.#state, change, { modseq: at, place: places[index] as Place });
      },
    };
  }

  /** Slice after slice of what `say` puts into the list, until it says that all was said. */
  *#untilSaid(say: (changes: Change[]) => boolean): Generator<Slice> {
    let isSaid = false;
    while (!isSaid)
      yield this.#stating(() => {
        const changes: Change[] = [];
        isSaid = say(changes);
        return changes;
      });
  }

  /** Contents in the files to be replaced, by ascending id. A record is copied as it is, fields we do not know included. */
  *#blobs(replacing: ReadonlySet<number>): Generator<Slice> {
    const { blobs } = this.#state;
    let cursor = 0;
    let isDone = false;
    while (!isDone) {
      let read: readonly ReadBlob[] = [];
      yield {
        prepare: async () => {
          const wanted: { readonly id: number; readonly from: BlobPlace }[] = [];
          const ids = blobs.idsAbove(cursor, this.#slice.sliceEntries);
          isDone = ids.length === 0;
          let octets = 0;
          for (const id of ids) {
            const from = blobs.place(id);
            const isOld = from && replacing.has(this.#maintenance.currentPlace(from.record).file);
            if (isOld && wanted.length > 0 && octets + from.record.octets > this.#slice.sliceOctets) break;
            cursor = id;
            if (!isOld) continue;
            octets += from.record.octets;
            wanted.push({ id, from });
          }
          read = await this.#read(wanted);
        },
        records: () => {
          // Whose last message went while it was read is not copied.
          read = read.filter(({ id, from }) => {
            const now = blobs.place(id);
            return now?.record.file === from.record.file && now.record.offset === from.record.offset;
          });
          const { modseq } = this.#state;
          return read.map(({ payload }): RecordInput => ({ type: BLOB_TYPE, modseq, payload }));
        },
        applied: (places) => {
          // What `apply` does with a blob; the content need not be parsed for it.
          for (const [index, { id, from }] of read.entries())
            blobs.put(id, { record: places[index] as Place, octets: from.octets });
        },
      };
    }
  }

  /** All in one turn, so that neighbours share reads. */
  #read(wanted: readonly { readonly id: number; readonly from: BlobPlace }[]): Promise<readonly ReadBlob[]> {
    const read = wanted.map(async (each) => {
      const payload = await this.#maintenance.readRecord(each.from.record);
      return { ...each, payload };
    });
    return Promise.all(read);
  }

  *#mailboxes(): Generator<Slice> {
    const { mailboxes } = this.#state;
    yield* this.#inTurn(0, mailboxes.keys.bind(mailboxes), (id) => {
      const mailbox = mailboxes.get(id);
      return mailbox === undefined ? undefined : { change: stated(mailbox), cost: NAME_COST };
    });
  }

  /** Mailbox after mailbox, range after range; a mailbox ends in one turn with its last range and its counters. */
  *#messages(): Generator<Slice> {
    const { mailboxes } = this.#state;
    let doneId = 0;
    /** Up to here the messages of `begunId`, the next mailbox, were stated. */
    let doneUid = 0;
    let begunId = 0;
    yield* this.#untilSaid((changes) => {
      let left = this.#slice.sliceEntries;
      for (const id of [...mailboxes.keys()].filter((each) => each > doneId).sort((a, b) => a - b)) {
        const mailbox = mailboxes.get(id) as MailboxState;
        // The one that was begun may have been deleted since.
        if (id !== begunId) doneUid = 0;
        begunId = id;
        const from = mailbox.rows.lowerBound(doneUid + 1);
        const to = Math.min(mailbox.rows.count, from + left);
        if (from < to) changes.push(statedMessages(mailbox, doneUid + 1, from, to));
        left -= to - from + 1;
        if (to < mailbox.rows.count) {
          if (from < to) doneUid = mailbox.rows.uid(to - 1);
          return false;
        }
        changes.push(statedExpunges(mailbox));
        left -= mailbox.expunged.count;
        doneId = id;
        if (left <= 0) return false;
      }
      return true;
    });
  }

  *#subscriptions(): Generator<Slice> {
    const { subscriptions } = this.#state;
    yield* this.#inTurn('', subscriptions.values.bind(subscriptions), (name) =>
      subscriptions.has(name)
        ? { change: { kind: 'subscribed', name, subscribed: true }, cost: NAME_COST }
        : undefined,
    );
  }

  *#properties(): Generator<Slice> {
    const { properties } = this.#state;
    yield* this.#inTurn('', properties.keys.bind(properties), (key) => {
      const value = properties.get(key);
      if (value === undefined) return undefined;
      return {
        change: { kind: 'properties-changed', values: [[key, value]] },
        cost: value.length + NAME_COST,
      };
    });
  }

  *#transactions(): Generator<Slice> {
    const { transactions } = this.#state;
    const done = new Set<string>();
    /** The numbers of `begun` below this one were stated. */
    let number = 0;
    let begun = '';
    yield* this.#untilSaid((changes) => {
      let left = this.#slice.sliceOctets;
      for (const incarnation of transactions.incarnations) {
        if (done.has(incarnation)) continue;
        // The one that was begun may have been forgotten since.
        if (incarnation !== begun) number = 0;
        begun = incarnation;
        for (const [transaction, outcome] of transactions.outcomesFrom(incarnation, number)) {
          number = transaction.number + 1;
          changes.push(
            outcome === 'refused'
              ? { kind: 'transaction-refused', transaction }
              : { kind: 'transaction-done', transaction, result: outcome },
          );
          left -= NAME_COST + (outcome === 'refused' ? 0 : outcome.length);
          if (left <= 0) return false;
        }
        done.add(incarnation);
      }
      return true;
    });
  }

  #counters(): Change {
    const { modseq, nextMailbox, lastUidValidity, blobs, lostMessages } = this.#state;
    return {
      kind: 'account-stated',
      modseq,
      nextMailbox,
      lastUidValidity,
      nextBlob: blobs.nextId,
      lostMessages,
    };
  }

  /** Things with keys, in ascending order of these; what comes up behind the cursor meanwhile is in live records. */
  *#inTurn<K extends string | number>(
    before: K,
    keys: () => Iterable<K>,
    build: (key: K) => { readonly change: Change; readonly cost: number } | undefined,
  ): Generator<Slice> {
    let cursor = before;
    let isFirst = true;
    yield* this.#untilSaid((changes) => {
      let left = this.#slice.sliceOctets;
      const ahead = [...keys()].filter((key) => isFirst || key > cursor);
      isFirst = false;
      for (const key of ahead.sort((a, b) => (a < b ? -1 : 1))) {
        const built = build(key);
        cursor = key;
        if (built === undefined) continue;
        changes.push(built.change);
        left -= built.cost;
        if (left <= 0) return false;
      }
      return true;
    });
  }
}

/** What a record costs of a slice besides its payload, in octets: about its share of a turn's time. */
const NAME_COST = 512;

function stated(mailbox: MailboxState): MailboxStated {
  const { id, name, uidValidity, specialUse, selectable, uidNext, highestModseq } = mailbox;
  return {
    kind: 'mailbox-stated',
    mailbox: id,
    name,
    uidValidity,
    specialUse,
    selectable,
    uidNext,
    highestModseq,
  };
}

/** The rows [from, to), which are all with UIDs from `first` to that of the last. */
function statedMessages(mailbox: MailboxState, first: number, from: number, to: number): MessagesStated {
  const { id, rows } = mailbox;
  const numbering = new FlagNumbering(mailbox);
  const messages: StatedMessage[] = [];
  for (let index = from; index < to; index++)
    messages.push({
      uid: rows.uid(index),
      blob: rows.blob(index),
      dateMs: rows.dateMs(index),
      flags: numbering.of(index),
      modseq: rows.modseq(index),
    });
  const last = rows.uid(to - 1);
  return { kind: 'messages-stated', mailbox: id, first, last, flagSets: numbering.flagSets, messages };
}

function statedExpunges({ id, uidNext, highestModseq, expunged }: MailboxState): ExpungesStated {
  const { forgotten } = expunged;
  return {
    kind: 'expunges-stated',
    mailbox: id,
    uidNext,
    highestModseq,
    forgotten,
    ranges: expunged.entries(),
  };
}

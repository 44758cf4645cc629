/**
 * How an open account changes: wait until the log can be written; then, in one turn, look up the transaction, plan, append,
 * apply; wait until that is settled; tell. Large operations are many such commits (operations/large.ts). After a failed
 * commit the state has run ahead of the disk, and the account is over.
 */
import { Failure } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { TransactionId } from '../ids.ts';
import type { Log, Place } from '../log/types.ts';
import type { Change, Initial } from './changes.ts';
import { type AccountLimits, TRANSFER_WHOLE_MAX } from './limits.ts';
import type { LargeCopy, Sliced } from './operations/large.ts';
import type { Plan, Situation } from './operations/plan.ts';
import { encode } from './records.ts';
import { decodeResult, encodeResult, type Operation, type Results } from './results.ts';
import { type AccountState, apply, INITIAL_MODSEQ } from './state.ts';
import { checkTransaction, type Outcome } from './transactions.ts';
import type { Copied } from './types.ts';

export interface CommitsOptions {
  readonly state: AccountState;
  readonly log: Log;
  readonly initial: Initial;
  readonly clock: Pick<Clock, 'wallMs' | 'sleep'>;
  readonly limits: AccountLimits;
  /** Aborted when the account can no longer be used. */
  readonly gone: AbortSignal;
  /** Throws when no change may begin. */
  readonly checkUsable: () => void;
  /** `Account.settled`. */
  readonly settled: () => Promise<void>;
  /** These changes have settled, in a commit of so many records. */
  readonly settledNow: (changes: readonly Change[], records: number) => void;
  /** Runs work during which no compaction may run. */
  readonly withoutCompaction: <T>(work: () => Promise<T>) => Promise<T>;
  /** The state is not to be trusted any more. */
  readonly fail: (error: unknown) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  /** Blobs that are queued: their content is not in the file yet. */
  readonly #unsettledBlobs = new Set<number>();
  #isLettingGo = false;
  /** The log was writable once. */
  #isTaken = false;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  isUnsettled(blob: number): boolean {
    return this.#unsettledBlobs.has(blob);
  }

  /** The one way of every change; see the head of this file. */
  async change<O extends Operation>(
    operation: O,
    transaction: TransactionId | undefined,
    plan: (situation: Situation) => Plan<O>,
  ): Promise<Results[O]> {
    await this.writable();
    // From here to the end of `commit`'s first part nothing is awaited: what was checked is what is changed.
    const known = transaction === undefined ? undefined : this.#known(transaction);
    if (known !== undefined) {
      // Its commit may still be in flight, for a call that came before this one.
      await this.#options.settled();
      if (typeof known === 'string') throw new Failure('refused', 'transaction was given up before it came');
      return decodeResult(operation, known);
    }
    let planned: Plan<O>;
    let done: readonly Change[] = [];
    try {
      const { state, limits, clock } = this.#options;
      const wallMs = Math.max(0, Math.floor(clock.wallMs()));
      planned = plan({ state, limits, wallMs });
      if (transaction !== undefined) {
        const result = encodeResult(operation, planned.result);
        this.#checkTransactionRoom(transaction, result.length);
        done = [{ kind: 'transaction-done', transaction, result }];
      }
    } catch (error) {
      // A refusal is an answer too: it may rest on a change that has not settled ("exists").
      await this.#options.settled();
      throw error;
    }
    const changes = [...planned.changes, ...done];
    if (changes.length === 0) await this.#options.settled();
    else await this.commit(changes);
    return planned.result;
  }

  /** One commit after another; the last remembers the transaction. */
  async inSlices<O extends Operation>(
    operation: O,
    work: Sliced<O>,
    transaction: TransactionId | undefined,
  ): Promise<Results[O]> {
    // A request that was done is not begun again.
    const isNew = transaction === undefined || this.#known(transaction) === undefined;
    while (isNew && !work.isComplete) {
      let hasChanged = false;
      await this.change(operation, undefined, (situation) => {
        const plan = work.slice(situation);
        hasChanged = plan.changes.length > 0;
        return plan;
      });
      // Nothing was written that would have been waited for: without this the next slice came in the same turn.
      if (!hasChanged) await this.#options.clock.sleep(0);
    }
    return this.change(operation, transaction, (situation) => work.finish(situation));
  }

  /** No compaction runs meanwhile: what is staged is no part of the state that it writes. */
  async copyLarge(copy: LargeCopy, transaction: TransactionId | undefined): Promise<Copied> {
    const work = async (): Promise<Copied> => {
      try {
        return await this.inSlices('copy', copy, transaction);
      } finally {
        await this.#dropStaging(copy.staging);
      }
    };
    return this.#options.withoutCompaction(work);
  }

  /** After a refusal; also when the same transaction was done by another request meanwhile. */
  async #dropStaging(staging: number | undefined): Promise<void> {
    const { state, gone } = this.#options;
    if (staging === undefined || !state.stagings.has(staging) || gone.aborted) return;
    try {
      await this.writable();
      await this.commit([{ kind: 'staging-dropped', staging }]);
    } catch {
      // The account is gone, and whoever opens it drops what is left; the copy's own outcome is what counts.
    }
  }

  /** Appends and applies at once, in the caller's turn; then waits until it is settled and tells the watchers. */
  async commit(changes: readonly Change[]): Promise<void> {
    const { state, log, initial } = this.#options;
    const modseq = state.modseq + 1;
    const commit = changes.map((change) => ({ change, modseq }));
    if (!state.initialLogged) commit.unshift({ change: initial, modseq: INITIAL_MODSEQ });
    const places = log.append(commit.map(({ change, modseq }) => ({ ...encode(change), modseq })));
    const blobs = changes.flatMap((change) => (change.kind === 'blob' ? [change.blob] : []));
    for (const blob of blobs) this.#unsettledBlobs.add(blob);
    try {
      for (const [index, { change, modseq }] of commit.entries())
        apply(state, change, { modseq, place: places[index] as Place });
      if (state.remains.count > 0) void this.#letGo();
      await log.settled();
    } catch (error) {
      this.#options.fail(error);
      throw error;
    } finally {
      for (const blob of blobs) this.#unsettledBlobs.delete(blob);
    }
    this.#options.settledNow(changes, commit.length);
  }

  /** What is left of deleted mailboxes, a part at a time. */
  async #letGo(): Promise<void> {
    if (this.#isLettingGo) return;
    this.#isLettingGo = true;
    const { remains, blobs } = this.#options.state;
    try {
      while (remains.count > 0) {
        await this.#options.clock.sleep(0);
        remains.release(blobs, TRANSFER_WHOLE_MAX);
      }
    } catch (error) {
      this.#options.fail(error);
    } finally {
      this.#isLettingGo = false;
    }
  }

  /** Makes sure that changes can be made, by this owner. */
  async writable(): Promise<void> {
    this.#options.checkUsable();
    await this.#options.log.writable();
    this.#options.checkUsable();
    if (this.#isTaken) return;
    this.#isTaken = true;
    const left = [...this.#options.state.stagings.keys()];
    if (left.length === 0) return;
    // Large copies of an owner before us: none of its records can come any more that would end them.
    await this.commit(left.map((staging) => ({ kind: 'staging-dropped', staging })));
    await this.writable();
  }

  /** What is remembered of a transaction, undefined when it is new. */
  #known(transaction: TransactionId): Outcome | 'closed' | undefined {
    checkTransaction(transaction);
    return this.#options.state.transactions.find(transaction);
  }

  #checkTransactionRoom(transaction: TransactionId, octets: number): void {
    const { transactions } = this.#options.state;
    const { transactionsMax, transactionsOctetsMax } = this.#options.limits;
    const fits = (size: { readonly count: number; readonly octets: number }): boolean =>
      size.count <= transactionsMax && size.octets <= transactionsOctetsMax;
    if (fits({ count: transactions.count + 1, octets: transactions.octets + octets })) return;
    // Tight: what this very transaction closes makes room, else a full table would stay full.
    if (!fits(transactions.sizeWith(transaction, octets)))
      throw new Failure('limit', 'too many transactions to remember');
  }

  /** See `Account.outcome`. */
  async outcome(transaction: TransactionId): Promise<Buffer | 'refused'> {
    await this.writable();
    const known = this.#known(transaction);
    if (known === 'closed') throw new Failure('invalid', 'the frontend said that this transaction is over');
    if (known !== undefined) {
      await this.#options.settled();
      return known;
    }
    this.#checkTransactionRoom(transaction, 0);
    await this.commit([{ kind: 'transaction-refused', transaction }]);
    return 'refused';
  }
}

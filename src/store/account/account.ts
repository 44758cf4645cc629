/**
 * The open account: a state in memory and a log (docs/architecture.md section 8, 3). Every change goes one way: wait until
 * the log can be written; then, in one turn, look up the transaction, plan, append, apply; wait until that is settled; tell
 * watchers and the caller. A failed commit leaves a state that ran ahead of the disk: the account is gone from then on and
 * whoever holds it opens it again.
 */

import { DecodeError } from '../../lib/encoder.ts';
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { SliceLimits } from '../compaction/limits.ts';
import type { Turns } from '../compaction/turns.ts';
import { type Thresholds, Upkeep } from '../compaction/upkeep.ts';
import type { Incarnation, ObjectId, TransactionId } from '../ids.ts';
import type { Log, LogRecord, Place, Restore } from '../log/types.ts';
import type { Change, Initial } from './changes.ts';
import { AccountCompaction } from './compaction.ts';
import { completed } from './initial.ts';
import { ACCOUNT_LIMITS, type AccountLimits } from './limits.ts';
import type { MailboxState } from './mailbox-state.ts';
import { canonicalName } from './names.ts';
import { isLarge, LargeCopy, LargeMove, type LargeTransfer } from './operations/large.ts';
import { planCreate, planDelete, planRename, planSubscribe } from './operations/mailboxes.ts';
import { planAppend, planCopy, planExpunge, planMove, planStoreFlags } from './operations/messages.ts';
import type { Plan, Situation } from './operations/plan.ts';
import { planSetProperties } from './operations/properties.ts';
import { encode, KNOWN_TYPES } from './records.ts';
import { replay } from './replay.ts';
import { decodeResult, encodeResult, type Operation, type Results } from './results.ts';
import { decodeState } from './snapshot.ts';
import { type AccountState, apply, begin, emptyState, INITIAL_MODSEQ, touchedBy } from './state.ts';
import { checkTransaction, type Outcome } from './transactions.ts';
import type * as types from './types.ts';
import type { MailboxId, Uid } from './types.ts';
import { MailboxView, MessageRow } from './views.ts';
import { Watchers } from './watchers.ts';

export interface OpenAccountOptions {
  /**
   * Opens the account's log; called once. The log calls `replay` for each record, also later, when it is taken; before the
   * first, `restore` may be called with the content of a snapshot.
   */
  readonly openLog: (
    replay: (record: LogRecord) => void,
    knownTypes: ReadonlySet<number>,
    restore: Restore,
  ) => Promise<Log>;
  readonly clock: Pick<Clock, 'wallMs' | 'sleep'>;
  readonly id: ObjectId;
  /** From the object entry; always the same for this id. See initial.ts. */
  readonly initial: ReadonlyMap<string, Buffer>;
  /** ACCOUNT_LIMITS where nothing is said. */
  readonly limits?: Partial<AccountLimits>;
  /** Told of an error thrown by a watcher; without it such an error is dropped with its watcher. */
  readonly report?: (error: unknown) => void;
  /** Shared by the accounts of a worker, so that not all compact at once. */
  readonly turns?: Turns;
  /** When compactions and snapshots are due. */
  readonly upkeep?: Partial<Thresholds & SliceLimits>;
}

export interface OpenAccount extends types.Account {
  /** Resolves with the reason when this account can no longer be used; never rejects. Not after an orderly `close`. */
  readonly failed: Promise<Error>;
  /** Compacts the log now, if that can be done; resolves when it is over, whatever came of it. Rejects as changes do. */
  compact(): Promise<void>;
  /** Refuses new work, lets the log finish what is in flight and closes it; then the account is gone. */
  close(): Promise<void>;
  /** Incarnations whose requests are remembered. */
  incarnations(): readonly Incarnation[];
  /** For one that has been gone so long (15 minutes) that none of its requests can still arrive. */
  forgetIncarnation(incarnation: Incarnation): Promise<void>;
}

/** Failure 'damaged' when the log holds what no account log can hold; else the failures of `openLog`. */
export async function openAccount(options: OpenAccountOptions): Promise<OpenAccount> {
  let state = emptyState();
  const late: { account: AccountOnLog | undefined } = { account: undefined };
  const log = await options.openLog(
    (record) => {
      try {
        const change = replay(state, record);
        late.account?.replayed(change);
      } catch (error) {
        late.account?.fail(error);
        throw error;
      }
    },
    KNOWN_TYPES,
    (content) => {
      const restored = decodeState(content);
      state = restored ?? state;
      return restored !== undefined;
    },
  );
  const initial: Initial = { kind: 'initial', entries: completed(options.id, options.initial) };
  try {
    begin(state, initial, INITIAL_MODSEQ);
  } catch (cause) {
    await log.close();
    if (!(cause instanceof DecodeError)) throw cause;
    throw new Failure('damaged', 'initial mailboxes of the account cannot be read', { cause });
  }
  const account = new AccountOnLog(options, log, state, initial);
  late.account = account;
  return account;
}

class AccountOnLog implements OpenAccount {
  readonly id: ObjectId;
  readonly failed: Promise<Error>;
  readonly #log: Log;
  readonly #state: AccountState;
  readonly #initial: Initial;
  readonly #clock: Pick<Clock, 'wallMs' | 'sleep'>;
  readonly #upkeep: Upkeep | undefined;
  readonly #limits: AccountLimits;
  readonly #gone = new AbortController();
  readonly #watchers: Watchers;
  readonly #fail: (error: Error) => void;
  readonly #views = new WeakMap<MailboxState, MailboxView>();
  /** Blobs that are queued: their content is not in the file yet. */
  readonly #unsettledBlobs = new Set<number>();
  #sorted: { readonly version: number; readonly mailboxes: readonly MailboxView[] } | undefined;
  #closing = false;
  /** The log was writable once. */
  #isTaken = false;

  constructor(options: OpenAccountOptions, log: Log, state: AccountState, initial: Initial) {
    this.id = options.id;
    this.#log = log;
    this.#state = state;
    this.#initial = initial;
    this.#clock = options.clock;
    this.#limits = { ...ACCOUNT_LIMITS, ...options.limits };
    const report = options.report ?? (() => undefined);
    this.#watchers = new Watchers(report);
    const { maintenance } = log;
    this.#upkeep =
      maintenance &&
      new Upkeep({
        log,
        maintenance,
        report,
        source: new AccountCompaction(state, initial, maintenance, options.upkeep),
        rest: () => this.#clock.sleep(0),
        ...(options.turns && { turns: options.turns }),
        ...(options.upkeep && { thresholds: options.upkeep }),
      });
    const failed = Promise.withResolvers<Error>();
    this.failed = failed.promise;
    this.#fail = (error) => {
      if (this.#gone.signal.aborted) return;
      failed.resolve(error);
      this.#end(error);
    };
    void log.failed.then(this.#fail);
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  mailboxes(): readonly types.Mailbox[] {
    const version = this.#state.namesVersion;
    if (this.#sorted?.version !== version) {
      const names = [...this.#state.byName.keys()].sort();
      const mailboxes = names.flatMap((name) => this.mailbox(name) ?? []);
      this.#sorted = { version, mailboxes };
    }
    return this.#sorted.mailboxes;
  }

  mailbox(name: string): MailboxView | undefined {
    const mailbox = this.#state.byName.get(canonicalName(name));
    return mailbox === undefined ? undefined : this.mailboxById(mailbox.id as MailboxId);
  }

  mailboxById(id: MailboxId): MailboxView | undefined {
    const mailbox = this.#state.mailboxes.get(id);
    if (mailbox === undefined) return undefined;
    let view = this.#views.get(mailbox);
    if (view === undefined) {
      view = new MailboxView(mailbox, this.#state.blobs);
      this.#views.set(mailbox, view);
    }
    return view;
  }

  isSubscribed(name: string): boolean {
    return this.#state.subscriptions.has(canonicalName(name));
  }

  subscriptions(): readonly string[] {
    return [...this.#state.subscriptions].sort();
  }

  async createMailbox(
    name: string,
    options: { specialUse?: string; transaction?: TransactionId } = {},
  ): Promise<types.Mailbox> {
    const id = await this.#change('createMailbox', options.transaction, (situation) =>
      planCreate(situation, name, options.specialUse),
    );
    const mailbox = this.mailboxById(id);
    if (mailbox === undefined) throw new Failure('not-found', 'mailbox was deleted meanwhile');
    return mailbox;
  }

  deleteMailbox(name: string, transaction?: TransactionId): Promise<void> {
    return this.#change('deleteMailbox', transaction, (situation) => planDelete(situation, name));
  }

  renameMailbox(from: string, to: string, transaction?: TransactionId): Promise<void> {
    return this.#change('renameMailbox', transaction, (situation) => planRename(situation, from, to));
  }

  setSubscribed(name: string, subscribed: boolean, transaction?: TransactionId): Promise<void> {
    return this.#change('setSubscribed', transaction, (situation) =>
      planSubscribe(situation, name, subscribed),
    );
  }

  /** The content is written from the caller's buffer, which stays as it is until the promise is settled. */
  append(
    mailbox: MailboxId,
    message: types.NewMessage,
    transaction?: TransactionId,
  ): Promise<types.Appended> {
    return this.#change('append', transaction, (situation) => planAppend(situation, mailbox, message));
  }

  storeFlags(
    mailbox: MailboxId,
    change: types.FlagChange,
    transaction?: TransactionId,
  ): Promise<types.FlagsStored> {
    return this.#change('storeFlags', transaction, (situation) => planStoreFlags(situation, mailbox, change));
  }

  copy(
    mailbox: MailboxId,
    uids: readonly Uid[],
    to: MailboxId,
    transaction?: TransactionId,
  ): Promise<types.Copied> {
    if (isLarge(uids)) return this.#copyLarge(new LargeCopy(mailbox, uids, to), transaction);
    return this.#change('copy', transaction, (situation) => planCopy(situation, mailbox, uids, to));
  }

  move(
    mailbox: MailboxId,
    uids: readonly Uid[],
    to: MailboxId,
    transaction?: TransactionId,
  ): Promise<types.Copied> {
    if (isLarge(uids)) return this.#inSlices('move', new LargeMove(mailbox, uids, to), transaction);
    return this.#change('move', transaction, (situation) => planMove(situation, mailbox, uids, to));
  }

  expunge(mailbox: MailboxId, uids?: readonly Uid[], transaction?: TransactionId): Promise<readonly Uid[]> {
    return this.#change('expunge', transaction, (situation) => planExpunge(situation, mailbox, uids));
  }

  property(key: string): Buffer | undefined {
    return this.#state.properties.get(key);
  }

  setProperties(
    changes: ReadonlyMap<string, Buffer | undefined>,
    transaction?: TransactionId,
  ): Promise<void> {
    return this.#change('setProperties', transaction, (situation) => planSetProperties(situation, changes));
  }

  async read(message: types.Message, from = 0, octets = Number.POSITIVE_INFINITY): Promise<Buffer> {
    if (!(message instanceof MessageRow && message.isOf(this.#state.blobs)))
      throw new Failure('invalid', 'not a message of this open account');
    if (this.#unsettledBlobs.has(message.blob)) await this.settled();
    this.#checkUsable();
    const start = Math.min(Math.max(0, from), message.size);
    const wanted = Math.min(Math.max(0, octets), message.size - start);
    if (wanted === 0) return Buffer.alloc(0);
    const { record } = message.place;
    const contentAt = record.octets - message.size;
    if (wanted < message.size) return this.#log.read(record, contentAt + start, wanted);
    // The whole record, for a few octets more, because then the log compares its checksum.
    return (await this.#log.read(record)).subarray(contentAt);
  }

  async outcome(transaction: TransactionId): Promise<Buffer | 'refused'> {
    await this.#writable();
    const known = this.#known(transaction);
    if (known === 'closed') throw new Failure('invalid', 'the frontend said that this transaction is over');
    if (known !== undefined) {
      await this.settled();
      return known;
    }
    this.#checkTransactionRoom(transaction, 0);
    await this.#commit([{ kind: 'transaction-refused', transaction }]);
    return 'refused';
  }

  incarnations(): readonly Incarnation[] {
    return this.#state.transactions.incarnations;
  }

  async forgetIncarnation(incarnation: Incarnation): Promise<void> {
    if (!this.#state.transactions.incarnations.includes(incarnation)) return;
    await this.#writable();
    if (!this.#state.transactions.incarnations.includes(incarnation)) return;
    await this.#commit([{ kind: 'incarnation-forgotten', incarnation }]);
  }

  async settled(): Promise<void> {
    if (this.#gone.signal.aborted) throw this.#goneFailure();
    await this.#log.settled();
  }

  watch(listener: (changed: ReadonlySet<MailboxId>) => void): () => void {
    return this.#watchers.add(listener);
  }

  async compact(): Promise<void> {
    await this.#writable();
    await this.#upkeep?.start();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    try {
      await this.#upkeep?.stop();
      await Promise.all([this.#upkeep?.snapshotAtClose(), this.#log.close()]);
    } finally {
      this.#end(new Failure('unavailable', 'account was closed'));
    }
  }

  /** A record of another owner, found when the log was taken: it has settled there. */
  replayed(change: Change): void {
    this.#watchers.tell(touchedBy(change));
  }

  /** The state or the log is not to be trusted any more. */
  fail(error: unknown): void {
    this.#fail(error instanceof Error ? error : new Error(String(error)));
  }

  /** The one way of every change; see the head of this file. */
  async #change<O extends Operation>(
    operation: O,
    transaction: TransactionId | undefined,
    plan: (situation: Situation) => Plan<O>,
  ): Promise<Results[O]> {
    await this.#writable();
    // From here to the end of `#commit`'s first part nothing is awaited: what was checked is what is changed.
    const known = transaction === undefined ? undefined : this.#known(transaction);
    if (known !== undefined) {
      // Its commit may still be in flight, for a call that came before this one.
      await this.settled();
      if (typeof known === 'string') throw new Failure('refused', 'transaction was given up before it came');
      return decodeResult(operation, known);
    }
    let planned: Plan<O>;
    let done: readonly Change[] = [];
    try {
      const wallMs = Math.max(0, Math.floor(this.#clock.wallMs()));
      planned = plan({ state: this.#state, limits: this.#limits, wallMs });
      if (transaction !== undefined) {
        const result = planned.encoded ?? encodeResult(operation, planned.result);
        this.#checkTransactionRoom(transaction, result.length);
        done = [{ kind: 'transaction-done', transaction, result }];
      }
    } catch (error) {
      // A refusal is an answer too: it may rest on a change that has not settled ("exists").
      await this.settled();
      throw error;
    }
    const changes = [...planned.changes, ...done];
    if (changes.length === 0) await this.settled();
    else await this.#commit(changes);
    return planned.result;
  }

  /** One commit after another; the last remembers the transaction. */
  async #inSlices<O extends 'copy' | 'move'>(
    operation: O,
    transfer: LargeTransfer<O>,
    transaction: TransactionId | undefined,
  ): Promise<Results[O]> {
    // A request that was done is not begun again.
    const isNew = transaction === undefined || this.#known(transaction) === undefined;
    while (isNew && !transfer.isComplete)
      await this.#change(operation, undefined, (situation) => transfer.slice(situation));
    return this.#change(operation, transaction, (situation) => transfer.finish(situation));
  }

  /** No compaction runs meanwhile: what is staged is no part of the state that it writes. */
  async #copyLarge(copy: LargeCopy, transaction: TransactionId | undefined): Promise<types.Copied> {
    const work = async (): Promise<types.Copied> => {
      try {
        return await this.#inSlices('copy', copy, transaction);
      } finally {
        await this.#dropStaging(copy.staging);
      }
    };
    return this.#upkeep === undefined ? work() : this.#upkeep.without(work);
  }

  /** After a refusal; also when the same transaction was done by another request meanwhile. */
  async #dropStaging(staging: number | undefined): Promise<void> {
    if (staging === undefined || !this.#state.stagings.has(staging) || this.#gone.signal.aborted) return;
    try {
      await this.#writable();
      await this.#commit([{ kind: 'staging-dropped', staging }]);
    } catch {
      // The account is gone, and whoever opens it drops what is left; the copy's own outcome is what counts.
    }
  }

  /** Appends and applies at once, in the caller's turn; then waits until it is settled and tells the watchers. */
  async #commit(changes: readonly Change[]): Promise<void> {
    const modseq = this.#state.modseq + 1;
    const commit = changes.map((change) => ({ change, modseq }));
    if (!this.#state.initialLogged) commit.unshift({ change: this.#initial, modseq: INITIAL_MODSEQ });
    const places = this.#log.append(commit.map(({ change, modseq }) => ({ ...encode(change), modseq })));
    const blobs = changes.flatMap((change) => (change.kind === 'blob' ? [change.blob] : []));
    for (const blob of blobs) this.#unsettledBlobs.add(blob);
    try {
      for (const [index, { change, modseq }] of commit.entries())
        apply(this.#state, change, { modseq, place: places[index] as Place });
      await this.#log.settled();
    } catch (error) {
      this.fail(error);
      throw error;
    } finally {
      for (const blob of blobs) this.#unsettledBlobs.delete(blob);
    }
    this.#watchers.tell(changes.flatMap(touchedBy));
    this.#upkeep?.committed(commit.length);
  }

  async #writable(): Promise<void> {
    this.#checkUsable();
    await this.#log.writable();
    this.#checkUsable();
    if (this.#isTaken) return;
    this.#isTaken = true;
    const left = [...this.#state.stagings.keys()];
    if (left.length === 0) return;
    // Large copies of an owner before us: none of its records can come any more that would end them.
    await this.#commit(left.map((staging) => ({ kind: 'staging-dropped', staging })));
    await this.#writable();
  }

  /** What is remembered of a transaction, undefined when it is new. */
  #known(transaction: TransactionId): Outcome | 'closed' | undefined {
    checkTransaction(transaction);
    return this.#state.transactions.find(transaction);
  }

  #checkTransactionRoom(transaction: TransactionId, octets: number): void {
    const { transactions } = this.#state;
    const { transactionsMax, transactionsOctetsMax } = this.#limits;
    const fits = (size: { readonly count: number; readonly octets: number }): boolean =>
      size.count <= transactionsMax && size.octets <= transactionsOctetsMax;
    if (fits({ count: transactions.count + 1, octets: transactions.octets + octets })) return;
    // Tight: what this very transaction closes makes room, else a full table would stay full.
    if (!fits(transactions.sizeWith(transaction, octets)))
      throw new Failure('limit', 'too many transactions to remember');
  }

  #checkUsable(): void {
    if (this.#gone.signal.aborted) throw this.#goneFailure();
    if (this.#closing) throw new Failure('unavailable', 'account is being closed');
  }

  /** Nothing of a request that comes after the end has happened, whatever became of those before it. */
  #goneFailure(): Failure {
    const cause: unknown = this.#gone.signal.reason;
    const code = failureCode(cause) === 'no-space' ? 'no-space' : 'unavailable';
    return new Failure(code, 'account is no longer open', { cause });
  }

  #end(reason: Error): void {
    this.#gone.abort(reason);
    this.#watchers.clear();
  }
}

/**
 * The open account: a state in memory and a log (docs/architecture.md section 8, 3). Every change goes one way (commits.ts).
 * A failed commit leaves a state that ran ahead of the disk: the account is gone from then on and whoever holds it opens it
 * again.
 */

import { DecodeError } from '../../lib/encoder.ts';
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { SliceLimits } from '../compaction/limits.ts';
import { type Thresholds, Upkeep, type UpkeepTurns } from '../compaction/upkeep.ts';
import type { Incarnation, ObjectId, TransactionId } from '../ids.ts';
import type { Log, LogRecord, Restore } from '../log/types.ts';
import type { Change, Initial } from './changes.ts';
import { Commits } from './commits.ts';
import { AccountCompaction } from './compaction.ts';
import { completed } from './initial.ts';
import { ACCOUNT_LIMITS, type AccountLimits, TRANSFER_WHOLE_MAX } from './limits.ts';
import type { MailboxState } from './mailbox-state.ts';
import { MemoryGauge } from './memory.ts';
import { canonicalName, INBOX } from './names.ts';
import {
  isLarge,
  LargeCopy,
  LargeExpunge,
  LargeInboxRename,
  LargeMove,
  LargeStore,
} from './operations/large.ts';
import { planCreate, planDelete, planRename, planSubscribe } from './operations/mailboxes.ts';
import { planAppend, planCopy, planExpunge, planMove, planStoreFlags } from './operations/messages.ts';
import { planSetProperties } from './operations/properties.ts';
import type { UidRanges } from './ranges.ts';
import { KNOWN_TYPES } from './records.ts';
import { replay } from './replay.ts';
import { decodeState } from './snapshot.ts';
import { type AccountState, begin, emptyState, INITIAL_MODSEQ, touchedBy } from './state.ts';
import type * as types from './types.ts';
import type { MailboxId } from './types.ts';
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
  /** Shared by the accounts of a worker, so that not all compact, or write snapshots, at once. */
  readonly turns?: UpkeepTurns;
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
  /** About what it takes of the memory; a large change may show a little later. */
  readonly memoryOctets: number;
  /** Resolves when no snapshot is being written any more, which goes on behind `close`. Never rejects. */
  written(): Promise<void>;
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
  readonly #upkeep: Upkeep | undefined;
  readonly #commits: Commits;
  readonly #memory: MemoryGauge;
  readonly #gone = new AbortController();
  readonly #watchers: Watchers;
  readonly #fail: (error: Error) => void;
  readonly #views = new WeakMap<MailboxState, MailboxView>();
  #sorted: { readonly version: number; readonly mailboxes: readonly MailboxView[] } | undefined;
  #closing = false;

  constructor(options: OpenAccountOptions, log: Log, state: AccountState, initial: Initial) {
    this.id = options.id;
    this.#log = log;
    this.#state = state;
    this.#memory = new MemoryGauge(state);
    const { clock } = options;
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
        rest: () => clock.sleep(0),
        ...(options.turns && { turns: options.turns }),
        ...(options.upkeep && { thresholds: options.upkeep }),
      });
    this.#commits = new Commits({
      state,
      log,
      initial,
      clock,
      limits: { ...ACCOUNT_LIMITS, ...options.limits },
      gone: this.#gone.signal,
      checkUsable: () => this.#checkUsable(),
      settled: () => this.settled(),
      settledNow: (changes, records) => {
        this.#watchers.tell(changes.flatMap(touchedBy));
        this.#upkeep?.committed(records);
      },
      withoutCompaction: (work) => this.#upkeep?.without(work) ?? work(),
      fail: (error) => this.fail(error),
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

  get memoryOctets(): number {
    return this.#memory.octets;
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
    const id = await this.#commits.change('createMailbox', options.transaction, (situation) =>
      planCreate(situation, name, options.specialUse),
    );
    const mailbox = this.mailboxById(id);
    if (mailbox === undefined) throw new Failure('not-found', 'mailbox was deleted meanwhile');
    return mailbox;
  }

  deleteMailbox(name: string, transaction?: TransactionId): Promise<void> {
    return this.#commits.change('deleteMailbox', transaction, (situation) => planDelete(situation, name));
  }

  renameMailbox(from: string, to: string, transaction?: TransactionId): Promise<void> {
    if (canonicalName(from) === INBOX && (this.mailbox(INBOX)?.exists ?? 0) > TRANSFER_WHOLE_MAX)
      return this.#commits.inSlices('renameMailbox', new LargeInboxRename(to), transaction);
    return this.#commits.change('renameMailbox', transaction, (situation) => planRename(situation, from, to));
  }

  setSubscribed(name: string, subscribed: boolean, transaction?: TransactionId): Promise<void> {
    return this.#commits.change('setSubscribed', transaction, (situation) =>
      planSubscribe(situation, name, subscribed),
    );
  }

  /** The content is written from the caller's buffer, which stays as it is until the promise is settled. */
  append(
    mailbox: MailboxId,
    message: types.NewMessage,
    transaction?: TransactionId,
  ): Promise<types.Appended> {
    return this.#commits.change('append', transaction, (situation) =>
      planAppend(situation, mailbox, message),
    );
  }

  storeFlags(
    mailbox: MailboxId,
    change: types.FlagChange,
    transaction?: TransactionId,
  ): Promise<types.FlagsStored> {
    if (isLarge(this.#state, mailbox, change.uids))
      return this.#commits.inSlices('storeFlags', new LargeStore(mailbox, change), transaction);
    return this.#commits.change('storeFlags', transaction, (situation) =>
      planStoreFlags(situation, mailbox, change),
    );
  }

  copy(
    mailbox: MailboxId,
    uids: UidRanges,
    to: MailboxId,
    transaction?: TransactionId,
  ): Promise<types.Copied> {
    if (isLarge(this.#state, mailbox, uids))
      return this.#commits.copyLarge(new LargeCopy(mailbox, uids, to), transaction);
    return this.#commits.change('copy', transaction, (situation) => planCopy(situation, mailbox, uids, to));
  }

  move(
    mailbox: MailboxId,
    uids: UidRanges,
    to: MailboxId,
    transaction?: TransactionId,
  ): Promise<types.Copied> {
    if (isLarge(this.#state, mailbox, uids))
      return this.#commits.inSlices('move', new LargeMove(mailbox, uids, to), transaction);
    return this.#commits.change('move', transaction, (situation) => planMove(situation, mailbox, uids, to));
  }

  expunge(mailbox: MailboxId, uids?: UidRanges, transaction?: TransactionId): Promise<UidRanges> {
    // More than \Deleted says go nowhere: few of them are one short turn in any mailbox.
    const isMany = (this.mailboxById(mailbox)?.deleted ?? 0) > TRANSFER_WHOLE_MAX;
    if (isMany || (uids?.length ?? 0) > TRANSFER_WHOLE_MAX)
      return this.#commits.inSlices('expunge', new LargeExpunge(mailbox, uids), transaction);
    return this.#commits.change('expunge', transaction, (situation) => planExpunge(situation, mailbox, uids));
  }

  property(key: string): Buffer | undefined {
    return this.#state.properties.get(key);
  }

  setProperties(
    changes: ReadonlyMap<string, Buffer | undefined>,
    transaction?: TransactionId,
  ): Promise<void> {
    return this.#commits.change('setProperties', transaction, (situation) =>
      planSetProperties(situation, changes),
    );
  }

  async read(message: types.Message, from = 0, octets = Number.POSITIVE_INFINITY): Promise<Buffer> {
    if (!(message instanceof MessageRow && message.isOf(this.#state.blobs)))
      throw new Failure('invalid', 'not a message of this open account');
    if (this.#commits.isUnsettled(message.blob)) await this.settled();
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

  outcome(transaction: TransactionId): Promise<Buffer | 'refused'> {
    return this.#commits.outcome(transaction);
  }

  incarnations(): readonly Incarnation[] {
    return this.#state.transactions.incarnations;
  }

  async forgetIncarnation(incarnation: Incarnation): Promise<void> {
    if (!this.#state.transactions.incarnations.includes(incarnation)) return;
    await this.#commits.writable();
    if (!this.#state.transactions.incarnations.includes(incarnation)) return;
    await this.#commits.commit([{ kind: 'incarnation-forgotten', incarnation }]);
  }

  async settled(): Promise<void> {
    if (this.#gone.signal.aborted) throw this.#goneFailure();
    await this.#log.settled();
  }

  watch(listener: (changed: ReadonlySet<MailboxId>) => void): () => void {
    return this.#watchers.add(listener);
  }

  async compact(): Promise<void> {
    await this.#commits.writable();
    await this.#upkeep?.start();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    try {
      await this.#upkeep?.stop();
      // A planned move waits for the log, never for this.
      void this.#upkeep?.snapshotAtClose();
      await this.#log.close();
    } finally {
      this.#end(new Failure('unavailable', 'account was closed'));
    }
  }

  async written(): Promise<void> {
    await this.#upkeep?.written();
  }

  /** A record of another owner, found when the log was taken: it has settled there. */
  replayed(change: Change): void {
    this.#watchers.tell(touchedBy(change));
  }

  /** The state or the log is not to be trusted any more. */
  fail(error: unknown): void {
    this.#fail(error instanceof Error ? error : new Error(String(error)));
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

/**
 * The host of a worker: keeps open the slots that the worker holds and the accounts in use, each under the lease of its
 * slot (docs/architecture.md, section 3). It answers 'moved' for a slot that is not held and 'unavailable' while one is
 * given back. Accounts are closed when unused for long, or when there are many; slots when too much of them is in memory.
 *
 * Invariant: at most one opening of an object at a time; what is opened under a grant is dropped with it.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import { inTime } from '../../platform/in-time.ts';
import type { Platform, Timer } from '../../platform/platform.ts';
import { upkeepTurns } from '../compaction/upkeep.ts';
import { type ObjectId, objectKey, type Slot } from '../ids.ts';
import type { Lease } from '../log/types.ts';
import { slotPath } from '../slot/path.ts';
import { describeObject, OpenSlot, slotObjectKey } from '../slot/slot.ts';
import { slotOfObject } from '../slots.ts';
import { BackgroundOpener, existingSlots } from './background.ts';
import { Kept, type Opened } from './kept.ts';
import { LogOpener } from './log-opener.ts';
import { OpenSlots, type SlotPlace } from './open-slots.ts';
import { Pending } from './pending.ts';
import { type OperationOptions, Term } from './term.ts';
import {
  type AccountHandle,
  HOST_LIMITS,
  type HostedAccount,
  type HostLimits,
  type OpenAccount,
  type OpenLog,
  type SlotHolder,
} from './types.ts';

export interface HostOptions {
  readonly platform: Pick<Platform, 'clock' | 'random' | 'fs'>;
  /** Root of the shared storage. */
  readonly root: string;
  readonly logger: Logger;
  /** Whether `StorageFence` is on (rule 3). */
  readonly fence: boolean;
  readonly openLog: OpenLog;
  readonly openAccount: OpenAccount;
  /** Told of each operation, before it runs. */
  readonly countOperation?: (slot: Slot) => void;
  readonly limits?: Partial<HostLimits>;
}

interface HeldSlot {
  readonly term: Term;
  readonly place: SlotPlace;
  readonly accounts: Map<string, HeldAccount>;
}

interface HeldAccount {
  readonly key: string;
  readonly slot: HeldSlot;
  readonly kept: Kept<HostedAccount>;
  users: number;
  /** What it takes of the memory, as of its last use; 0 when it is not open, or is being closed. */
  octets: number;
  unusedSinceMs: number;
  closing: Promise<void> | undefined;
}

/** How often, within the idle time, unused accounts are looked at. */
const IDLE_LOOKS = 4;

export class ObjectHost implements SlotHolder {
  readonly #options: HostOptions;
  readonly #limits: HostLimits;
  readonly #logs: LogOpener;
  readonly #background: BackgroundOpener;
  readonly #slots: OpenSlots;
  /** Openings that somebody waits for. */
  readonly #asked = new Pending();
  readonly #turns = upkeepTurns();
  readonly #held = new Map<Slot, HeldSlot>();
  /** Accounts nobody uses, longest unused first. */
  readonly #unused = new Set<HeldAccount>();
  readonly #openedListeners = new Set<(open: OpenSlot) => void>();
  /** Snapshots of closed accounts. */
  readonly #writing = new Set<Promise<void>>();
  #openAccounts = 0;
  #openOctets = 0;
  #idleTimer: Timer | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#limits = { ...HOST_LIMITS, ...options.limits };
    this.#logs = new LogOpener(options);
    this.#background = new BackgroundOpener({
      fs: options.platform.fs,
      clock: options.platform.clock,
      root: options.root,
      atOnce: this.#limits.backgroundOpensMax,
      isHeld: (slot) => this.#held.has(slot),
      yield: () => this.#asked.none(options.platform.clock, this.#limits.backgroundYieldMs),
      open: (slot) => this.#openInBackground(slot),
    });
    this.#slots = new OpenSlots({
      clock: options.platform.clock,
      limits: this.#limits,
      open: (term, isCurrent) => this.#openSlot(term, isCurrent),
      warn: (error, what) => this.#warn(error, what),
    });
  }

  granted(slot: Slot, lease: Lease): void {
    this.lost(slot);
    const term = new Term(slot, lease, this.#options.platform.clock);
    this.#held.set(slot, { term, place: this.#slots.place(term), accounts: new Map() });
    this.#background.add(slot);
  }

  async release(slot: Slot): Promise<void> {
    const held = this.#held.get(slot);
    if (held === undefined) return;
    await held.term.drain();
    const reason = new Failure('unavailable', `slot ${slot} has moved`);
    await Promise.all([...held.accounts.values()].map((account) => this.#closeAccount(account, reason)));
    await held.place.close(reason);
    if (this.#held.get(slot) === held) this.lost(slot);
  }

  lost(slot: Slot): void {
    const held = this.#held.get(slot);
    if (held === undefined) return;
    this.#held.delete(slot);
    const reason = new Failure('unavailable', `slot ${slot} is not ours any more`);
    held.term.end();
    for (const account of held.accounts.values()) this.#forget(account, reason);
    held.place.revoke(reason);
  }

  /** Slots held now, those being given back included. */
  slots(): readonly Slot[] {
    return [...this.#held.keys()];
  }

  get openAccounts(): number {
    return this.#openAccounts;
  }

  /** About what the open accounts take of the memory. */
  get openOctets(): number {
    return this.#openOctets;
  }

  /** Names and objects in memory, of all open slots. */
  get slotEntries(): number {
    return this.#slots.entries;
  }

  /** Told of every slot each time that it was opened; what it left open (intents) can then be carried on. */
  onSlotOpened(listener: (open: OpenSlot) => void): () => void {
    this.#openedListeners.add(listener);
    return () => void this.#openedListeners.delete(listener);
  }

  /**
   * Runs an operation on a slot: a planned move waits for it, and its caller is answered in time. Failure 'moved' when
   * the slot is not ours, 'unavailable' while it is given back.
   */
  async run<T>(slot: Slot, work: () => Promise<T>, options: OperationOptions = {}): Promise<T> {
    const { term } = this.#find(slot);
    this.#options.countOperation?.(slot);
    return term.run(work, options);
  }

  /** The open slot; opened when it is not. To be used in one operation, not to be kept. */
  async slot(slot: Slot): Promise<OpenSlot> {
    const held = this.#find(slot);
    held.term.assertOpen();
    return this.#asked.during(held.place.get());
  }

  /** The account, open for as long as the handle is not disposed. Failure 'not-found' when there is none (any more). */
  async account(id: ObjectId): Promise<AccountHandle> {
    const slot = slotOfObject(id);
    const key = objectKey(id);
    for (;;) {
      const held = this.#find(slot);
      held.term.assertOpen();
      const known = held.accounts.get(key);
      if (known?.closing !== undefined) {
        const { clock } = this.#options.platform;
        await inTime(clock, this.#limits.openWaitMs, 'the account is being closed', known.closing);
        continue;
      }
      const account = known ?? this.#newAccount(held, key, id);
      this.#use(account);
      try {
        return this.#handle(account, await this.#asked.during(account.kept.get()));
      } catch (error) {
        this.#leave(account);
        throw error;
      }
    }
  }

  /** One operation on an account; see `run`. Without options it may be a change, answered in `operationWaitMs`. */
  withAccount<T>(
    id: ObjectId,
    work: (account: HostedAccount) => Promise<T>,
    options: OperationOptions = { timeoutMs: this.#limits.operationWaitMs, late: 'unknown' },
  ): Promise<T> {
    const operation = async () => {
      using handle = await this.account(id);
      return await work(handle.account);
    };
    return this.run(slotOfObject(id), operation, options);
  }

  /** Ends an account that was deleted: everybody who uses it sees it go. */
  dropAccount(id: ObjectId): void {
    const account = this.#held.get(slotOfObject(id))?.accounts.get(objectKey(id));
    if (account !== undefined)
      this.#forget(account, new Failure('not-found', `${describeObject(id)} was deleted`));
  }

  /** Gives back everything. */
  async close(): Promise<void> {
    await Promise.all(this.slots().map((slot) => this.release(slot)));
    this.#idleTimer?.cancel();
    const { platform, logger } = this.#options;
    await inTime(platform.clock, this.#limits.snapshotGraceMs, 'snapshots', Promise.all(this.#writing)).catch(
      () => logger.info({ accounts: this.#writing.size }, 'closed without snapshots'),
    );
  }

  #find(slot: Slot): HeldSlot {
    const held = this.#held.get(slot);
    if (held === undefined) throw new Failure('moved', `slot ${slot} is not ours`);
    return held;
  }

  async #openSlot(term: Term, isCurrent: () => boolean): Promise<Opened<OpenSlot>> {
    const { slot, lease } = term;
    const object = slotObjectKey(slot);
    const where = { directory: slotPath(slot), object, lease, makeDirectory: true };
    const { value, log } = await term.opening(() =>
      this.#logs.open(where, (openLog) => OpenSlot.open({ slot, lease, openLog })),
    );
    // Intents wait for nobody's question: a slot that failed is opened again as soon as that goes.
    void log.failed.then(() => {
      if (this.#held.get(slot)?.term === term && isCurrent()) this.#background.add(slot);
    });
    if (!term.isOver) for (const listener of this.#openedListeners) listener(value);
    return { object: value, log, failed: log.failed, close: () => value.close() };
  }

  async #openInBackground(slot: Slot): Promise<boolean> {
    const held = this.#held.get(slot);
    if (held === undefined) return true;
    try {
      await held.place.get();
      return true;
    } catch (error) {
      // What is broken stays so until a person has looked; the rest mends itself, and thousands may wait for it.
      const isDamaged = failureCode(error) === 'damaged';
      const { logger } = this.#options;
      if (isDamaged) logger.error({ err: error, slot }, 'a slot log is damaged');
      else if (!(error instanceof Failure)) logger.error({ err: error, slot }, 'a slot cannot be opened');
      else logger.debug({ err: error, slot }, 'a slot cannot be opened now');
      return isDamaged || this.#held.get(slot) !== held;
    }
  }

  /** Slots held now that have a log on the storage, for walks over all objects. */
  async slotsOnStorage(): Promise<readonly Slot[]> {
    const existing = await existingSlots(this.#options.platform.fs, this.#options.root);
    return this.slots().filter((slot) => existing.has(slotPath(slot)));
  }

  #newAccount(slot: HeldSlot, key: string, id: ObjectId): HeldAccount {
    const kept = new Kept(() => this.#openAccount(slot, id), this.#options.platform.clock, this.#limits);
    const account: HeldAccount = {
      key,
      slot,
      kept,
      users: 0,
      octets: 0,
      unusedSinceMs: 0,
      closing: undefined,
    };
    slot.accounts.set(key, account);
    this.#openAccounts++;
    this.#startIdleTimer();
    return account;
  }

  async #openAccount(held: HeldSlot, id: ObjectId): Promise<Opened<HostedAccount>> {
    const { lease } = held.term;
    const open = await held.place.get();
    const entry = await open.read((state) => state.object(id));
    if (entry === undefined || entry.state === 'deleted')
      throw new Failure('not-found', `no ${describeObject(id)}`);
    const { initial, path } = entry;
    const { clock } = this.#options.platform;
    const report = (error: unknown): void => this.#warn(error, `account ${objectKey(id)}`);
    const turns = this.#turns;
    // The directory was made before the object entry was written; if it is missing now, a mount is.
    const { value, log } = await this.#logs.open(
      { directory: path, object: objectKey(id), lease, makeDirectory: false },
      (openLog) => this.#options.openAccount({ openLog, clock, id, initial, report, turns }),
    );
    const failed = Promise.race([value.failed, log.failed]);
    const close = async () => {
      await value.close();
      this.#goOn(value.written());
    };
    return { object: value, log, failed, close };
  }

  /** What nobody waits for but the end. */
  #goOn(written: Promise<void>): void {
    this.#writing.add(written);
    void written.finally(() => this.#writing.delete(written));
  }

  #handle(account: HeldAccount, open: HostedAccount): AccountHandle {
    let disposed = false;
    return {
      account: open,
      [Symbol.dispose]: () => {
        if (!disposed) this.#leave(account);
        disposed = true;
      },
    };
  }

  #weighAgain(account: HeldAccount): void {
    if (account.closing === undefined) this.#weigh(account, account.kept.current?.memoryOctets ?? 0);
  }

  #weigh(account: HeldAccount, octets: number): void {
    this.#openOctets += octets - account.octets;
    account.octets = octets;
  }

  #use(account: HeldAccount): void {
    account.users++;
    this.#unused.delete(account);
  }

  #leave(account: HeldAccount): void {
    account.users--;
    if (account.slot.accounts.get(account.key) !== account) return;
    this.#weighAgain(account);
    if (account.users === 0) {
      account.unusedSinceMs = this.#options.platform.clock.monotonicMs();
      this.#unused.add(account);
    }
    this.#closeLongestUnused(account);
  }

  /** One when there are too many; as many as it takes when they are too large, but not the one used last. */
  #closeLongestUnused(last?: HeldAccount): void {
    let isTooMany = this.#openAccounts > this.#limits.openAccountsMax;
    for (const account of this.#unused) {
      const isTooLarge = this.#openOctets > this.#limits.openOctetsMax && account !== last;
      if (!isTooMany && !isTooLarge) return;
      isTooMany = false;
      this.#closeSoon(account);
    }
  }

  #closeSoon(account: HeldAccount): void {
    this.#closeAccount(account, new Failure('unavailable', 'closed, as nobody used it')).catch(
      () => undefined,
    );
  }

  /** Never rejects: what cannot be closed in good order is as good as lost, and the next opening finds that out. */
  #closeAccount(account: HeldAccount, reason: Error): Promise<void> {
    this.#unused.delete(account);
    this.#weigh(account, 0);
    account.closing ??= account.kept
      .close(reason)
      .catch((error: unknown) => this.#warn(error, `closing account ${account.key}`))
      .then(() => this.#forget(account, reason));
    return account.closing;
  }

  #forget(account: HeldAccount, reason: Error): void {
    this.#unused.delete(account);
    this.#weigh(account, 0);
    account.kept.revoke(reason);
    const { accounts } = account.slot;
    if (accounts.get(account.key) !== account) return;
    accounts.delete(account.key);
    this.#openAccounts--;
  }

  #startIdleTimer(): void {
    const { accountIdleMs } = this.#limits;
    this.#idleTimer ??= this.#options.platform.clock.timer(accountIdleMs / IDLE_LOOKS, () => {
      this.#idleTimer = undefined;
      // A session holds its account for hours, and nobody else may use it.
      for (const { accounts } of this.#held.values())
        for (const account of accounts.values()) this.#weighAgain(account);
      this.#closeLongestUnused();
      this.#closeIdle();
      if (this.#openAccounts > 0) this.#startIdleTimer();
    });
  }

  #closeIdle(): void {
    const before = this.#options.platform.clock.monotonicMs() - this.#limits.accountIdleMs;
    for (const account of this.#unused) {
      if (account.unusedSinceMs > before) return;
      this.#closeSoon(account);
    }
  }

  #warn(error: unknown, what: string): void {
    this.#options.logger.warn({ err: error }, what);
  }
}

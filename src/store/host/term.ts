/**
 * The time for which one grant of a slot is used: who works on it, what is open, and its end. After the end nothing
 * that was begun under this grant answers any more. An opening that hangs in the storage cannot be called back, so it
 * holds the lease through this term: when it goes on after the end, it finds no lease, whatever has been granted since.
 */
import { Failure, type FailureCode, failureCode } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { Slot } from '../ids.ts';
import type { Lease } from '../log/types.ts';

export interface OperationOptions {
  /** The caller is answered after so long, whatever the storage does. */
  readonly timeoutMs?: number;
  /** What it is told then: 'unknown' for a change, which may still happen; 'unavailable' (the default) for a read. */
  readonly late?: Extract<FailureCode, 'unavailable' | 'unknown'>;
}

/** Openings of the slot's log that fail one after another before the slot is given back. */
const FAILED_OPENINGS_MAX = 5;
/** A full disk is full for everybody, and what is damaged stays so: another owner would fare no better (rule 3). */
const EVERYWHERE: ReadonlySet<FailureCode | undefined> = new Set<FailureCode>(['no-space', 'damaged']);

export class Term {
  readonly slot: Slot;
  readonly lease: Lease;
  readonly #given: Lease;
  readonly #clock: Clock;
  #failedOpenings = 0;
  #phase: 'held' | 'releasing' | 'over' = 'held';
  #operations = 0;
  readonly #quiet = new Set<() => void>();
  readonly #callers = new Set<() => void>();

  constructor(slot: Slot, lease: Lease, clock: Clock) {
    this.slot = slot;
    this.#given = lease;
    this.lease = {
      incarnation: lease.incarnation,
      epoch: lease.epoch,
      held: () => !this.isOver && lease.held(),
      confirm: async () => !this.isOver && (await lease.confirm()) && !this.isOver,
      // Who comes late sees its successor's files, which is nothing to report.
      reportLargerEpoch: (epoch) => {
        if (!this.isOver) lease.reportLargerEpoch(epoch);
      },
    };
    this.#clock = clock;
  }

  /** Nobody works on the slot now. */
  get isQuiet(): boolean {
    return this.#operations === 0;
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Opens the slot's log. "If taking fails, the slot is given back" (docs/architecture.md, section 3, rule 3). */
  async opening<T>(open: () => Promise<T>): Promise<T> {
    try {
      const opened = await open();
      this.#failedOpenings = 0;
      return opened;
    } catch (error) {
      const isOurs = !this.isOver && !EVERYWHERE.has(failureCode(error));
      if (isOurs && ++this.#failedOpenings >= FAILED_OPENINGS_MAX) this.#given.giveBack?.();
      throw error;
    }
  }

  /** Throws 'unavailable' when no new work is taken. */
  assertOpen(): void {
    if (this.#phase !== 'held') throw new Failure('unavailable', `slot ${this.slot} is being moved`);
  }

  /** Runs an operation that a planned move waits for. */
  run<T>(work: () => Promise<T>, options: OperationOptions): Promise<T> {
    this.assertOpen();
    this.#operations++;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const refuse = (why: string) => reject(new Failure(options.late ?? 'unavailable', why));
    const lost = () => refuse(`slot ${this.slot} was lost`);
    this.#callers.add(lost);
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : this.#clock.timer(options.timeoutMs, () => refuse(`slot ${this.slot}: no answer in time`));
    Promise.try(work)
      .then(resolve, reject)
      .finally(() => {
        timer?.cancel();
        this.#callers.delete(lost);
        this.#operations--;
        if (this.#operations === 0) this.#wakeQuiet();
      })
      .catch(() => undefined); // the outcome went to `promise`
    return promise;
  }

  /** Takes no new work from now on; resolves when no operation runs, or the term is over. */
  async drain(): Promise<void> {
    if (this.#phase === 'held') this.#phase = 'releasing';
    if (this.#operations > 0 && !this.isOver)
      await new Promise<void>((resolve) => void this.#quiet.add(resolve));
  }

  /** The end: everybody who waits is told. */
  end(): void {
    this.#phase = 'over';
    for (const lost of this.#callers) lost();
    this.#callers.clear();
    this.#wakeQuiet();
  }

  #wakeQuiet(): void {
    for (const wake of this.#quiet) wake();
    this.#quiet.clear();
  }
}

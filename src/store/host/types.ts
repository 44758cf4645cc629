/** What a host of objects needs from below it and gives to those above. */

import type { OpenAccount as AccountAndEnds, OpenAccountOptions } from '../account/account.ts';
import type { Slot } from '../ids.ts';
import type { OpenLogOptions } from '../log/options.ts';
import type { Lease, Log } from '../log/types.ts';

/** The owner's side of leases: told by the lease client of a backend worker, implemented by the host of objects. */
export interface SlotHolder {
  /** The slot is ours from now on. Must not block; the slot's log is opened when it is first asked for. */
  granted(slot: Slot, lease: Lease): void;
  /** A planned move: take no new work, finish commits in flight, close. Resolves when nothing of the slot is open. */
  release(slot: Slot): Promise<void>;
  /** The lease is gone: drop everything of the slot at once, without writing. */
  lost(slot: Slot): void;
}

/** An open log as the engine gives it: besides `Log`, what a host needs when it must give it up. */
export interface HostedLog extends Log {
  /** Drops it without writing. */
  abandon(reason: string): void;
}

export type OpenLog = (options: OpenLogOptions) => Promise<HostedLog>;

/** An open account and its ends. */
export type HostedAccount = Omit<AccountAndEnds, 'compact'>;

export type OpenAccount = (options: OpenAccountOptions) => Promise<HostedAccount>;

/** An account that somebody uses; it stays open until every handle is disposed, unless its slot goes. */
export interface AccountHandle extends Disposable {
  readonly account: HostedAccount;
}

export interface HostLimits {
  /** Accounts kept open at a time; above it the longest unused are closed, those in use never. */
  readonly openAccountsMax: number;
  /** What open accounts take of the memory together; above it likewise. The one used last stays open in any case. */
  readonly openOctetsMax: number;
  /** An account nobody has used for so long is closed. */
  readonly accountIdleMs: number;
  /** Slots opened at a time in the background after a grant. */
  readonly backgroundOpensMax: number;
  /** An opening in the background waits at most so long for those that somebody asked for. */
  readonly backgroundYieldMs: number;
  /**
   * Names and objects in the memory of all open slots; above it the slots longest unused are closed, to be read again
   * when they are asked for. About 700 octets each.
   */
  readonly slotEntriesMax: number;
  /** Nobody waits longer for an object to be opened or closed; it goes on all the same. */
  readonly openWaitMs: number;
  /** After this long an operation on an account whose caller says nothing else is answered 'unknown'. */
  readonly operationWaitMs: number;
  /** First pause before an object that failed is opened again; doubles up to `reopenPauseMsMax`. */
  readonly reopenPauseMs: number;
  /** At most this, so that all is served again soon after the storage is back (invariant 7). */
  readonly reopenPauseMsMax: number;
  /** In the end the host waits so long for snapshots that are still being written. */
  readonly snapshotGraceMs: number;
}

export const HOST_LIMITS: HostLimits = {
  openAccountsMax: 20_000,
  openOctetsMax: 2 ** 30,
  accountIdleMs: 300_000,
  backgroundOpensMax: 4,
  backgroundYieldMs: 250,
  slotEntriesMax: 500_000,
  openWaitMs: 10_000,
  operationWaitMs: 30_000,
  reopenPauseMs: 50,
  reopenPauseMsMax: 1000,
  snapshotGraceMs: 2000,
};

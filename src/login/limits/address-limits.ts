/**
 * Failed log-ins of addresses, at the owner of the slot that an address hashes to: guessing from one address at many
 * accounts, through whatever frontends.
 *
 * An attempt is asked about before and told of afterwards, so those under way are counted too: all at once they would find
 * the same small count. Crowds come at once as well, when a mail server or a link is back: UNDER_WAY_FREE of them are
 * nothing, and what nobody tells of (a device with an old password, an owner that did not answer) is over by itself.
 *
 * A success pays back, so that an address with a thousand people behind it stays below the limit by those who log in;
 * each account does so only now and then, or who has one account could guess at others for ever.
 */
import type { Clock } from '../../platform/platform.ts';
import { putNewest } from '../put-newest.ts';
import { FailureCounts } from './counts.ts';
import { Recent } from './recent.ts';
import { ADDRESS_RULE, verdictOf } from './rules.ts';

export const ADDRESSES_MAX = 100_000;
/** What a success takes off the count. */
const PAYBACK = 2;
/** One account pays back once in this time. */
const PAYBACK_EVERY_MS = 10 * 60_000;
const PAYERS_MAX = 50_000;

/** Attempts of one address under way that are no sign of anything. */
export const UNDER_WAY_FREE = 256;
/** An attempt is over by then, the longest wait included. */
export const UNDER_WAY_MS = 30_000;
/** More of one address are not counted. */
const UNDER_WAY_MAX = 1024;

/** What stands against an address. */
export interface AddressStand {
  /** Before the password is looked at, unless the account knows the address. */
  readonly waitMs: number;
  /** Only accounts that know the address are looked at. */
  readonly isRefused: boolean;
  readonly count: number;
}

export class AddressLimits {
  readonly #counts: FailureCounts;
  readonly #payers: Recent;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** When attempts that were asked about began, oldest first; none is empty. */
  readonly #underWay = new Map<string, number[]>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#counts = new FailureCounts(clock, ADDRESS_RULE, ADDRESSES_MAX);
    this.#payers = new Recent(clock, { forMs: PAYBACK_EVERY_MS, keysMax: PAYERS_MAX });
  }

  /** Asked once for each attempt, which is under way from then on. */
  stand(address: string): AddressStand {
    const crowd = Math.max(0, this.#begin(address) - UNDER_WAY_FREE);
    const count = Math.min(this.#counts.of(address) + crowd, ADDRESS_RULE.countMax);
    const verdict = verdictOf(ADDRESS_RULE, count);
    return {
      waitMs: verdict.kind === 'wait' ? verdict.waitMs : 0,
      isRefused: verdict.kind === 'refuse',
      count: Math.ceil(count),
    };
  }

  failed(address: string): void {
    this.#end(address);
    this.#counts.add(address, 1);
  }

  succeeded(address: string, account: string): void {
    this.#end(address);
    const payer = `${address} ${account}`;
    if (this.#counts.of(address) === 0 || this.#payers.has(payer)) return;
    this.#payers.note(payer);
    this.#counts.add(address, -PAYBACK);
  }

  /** How many were under way before this one. */
  #begin(address: string): number {
    const nowMs = this.#clock.monotonicMs();
    const begun = (this.#underWay.get(address) ?? []).filter((atMs) => nowMs - atMs < UNDER_WAY_MS);
    const before = begun.length;
    if (before < UNDER_WAY_MAX) begun.push(nowMs);
    putNewest(this.#underWay, address, begun, ADDRESSES_MAX);
    return before;
  }

  #end(address: string): void {
    const begun = this.#underWay.get(address);
    begun?.shift();
    if (begun?.length === 0) this.#underWay.delete(address);
  }
}

/**
 * Failed log-ins of accounts, at the account's owner: guessing from many addresses at one account.
 *
 * Nobody locks the owner of an account out by guessing:
 * - Guesses from addresses that the account was never logged in to from share one count; from an address that it was,
 *   they have a count of their own, which only who is at that address can raise.
 * - What stands against an address holds nobody back whom the account knows to be there: many people share one address.
 * - When the shared count refuses, it refuses addresses that guessed wrong several times. Another one waits the longest
 *   time and is then looked at, few at once: a right password from a new address opens an account under attack.
 *
 * What that last rule costs: who has addresses without end is looked at `WAITING_MAX_REFUSED` times in the longest wait, for
 * as long as he likes; that is 17,280 guesses a day at one account, where the rule alone would be 1,440. It is kept, as the
 * other choice is that whoever has some addresses locks the owner out of every new one.
 *
 * A count is charged before a guess is looked at, and given back if it was none; so guesses sent all at once are not all
 * looked at. From a known address only above the free ones: devices open several connections at once. It does not matter
 * to it whether there is such an account.
 */
import type { Clock } from '../../platform/platform.ts';
import { putNewest } from '../put-newest.ts';
import { FailureCounts } from './counts.ts';
import { KnownAddresses } from './known-addresses.ts';
import { ACCOUNT_RULE, type Verdict, verdictOf } from './rules.ts';

const COUNTS_MAX = 100_000;
/** From so many wrong ones on an address is a guesser: who is new somewhere may mistype, under attack too. */
const GUESSER_AT = 3;
/** Attempts at one account that were told to wait and may still come back. */
export const WAITING_MAX = 16;
/** The same while the account's count refuses. */
export const WAITING_MAX_REFUSED = 2;

export interface Arrival {
  /** The object of an account, or the name that leads nowhere. */
  readonly account: string;
  /** As of `addressKey`. */
  readonly address: string;
  /** What it has waited already, by our order. */
  readonly waitedMs: number;
  /** What stands against the address; where the account knows it, it does not count. */
  readonly addressWaitMs: number;
  readonly isAddressRefused: boolean;
}

/** Whose count it was that held an attempt back. */
export type HeldBy = 'account' | 'address';

/** What was charged for an attempt, to be settled when its outcome is known. */
export interface Charge {
  readonly isKnown: boolean;
  readonly isPaid: boolean;
}

export type Admission =
  | { readonly kind: 'go'; readonly charge: Charge }
  /** Come again after that, with what was waited in `waitedMs`. */
  | { readonly kind: 'wait'; readonly waitMs: number; readonly by: HeldBy; readonly count: number }
  | { readonly kind: 'limited'; readonly by: HeldBy; readonly count: number };

/** `repeated`: wrong, but the same as a moment ago, which is a device with an old password and no guess. */
export type Outcome = 'right' | 'wrong' | 'repeated' | 'unchecked';

export class AccountLimits {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** Of accounts, by addresses that they do not know, and of pairs of account and address. */
  readonly #counts: FailureCounts;
  readonly #known = new KnownAddresses();
  /** When those who wait may come back; none is empty. */
  readonly #waiting = new Map<string, readonly number[]>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#counts = new FailureCounts(clock, ACCOUNT_RULE, COUNTS_MAX);
  }

  /** Whether an attempt is looked at. `settle` must follow on 'go'. `count` is the account's. */
  admit(arrival: Arrival): Admission {
    const { account, address, waitedMs } = arrival;
    const isKnown = this.#known.has(account, address);
    const ofPair = this.#counts.of(pair(account, address));
    const exact = isKnown ? ofPair : this.#counts.of(account);
    const count = Math.ceil(exact);
    if (arrival.isAddressRefused && !isKnown) return { kind: 'limited', by: 'address', count };
    const verdict = verdictOf(ACCOUNT_RULE, exact);
    const isGuesser = isKnown || Math.ceil(ofPair) >= GUESSER_AT;
    if (verdict.kind === 'refuse' && isGuesser) return { kind: 'limited', by: 'account', count };
    const accountMs = waitMsOf(verdict) - waitedMs;
    const addressMs = isKnown ? 0 : arrival.addressWaitMs - waitedMs;
    const waitingMax = verdict.kind === 'refuse' ? WAITING_MAX_REFUSED : WAITING_MAX;
    if (accountMs > 0 && !this.#mayWait(account, accountMs, waitingMax))
      return { kind: 'limited', by: 'account', count };
    if (accountMs > 0 || addressMs > 0) {
      const by = accountMs >= addressMs ? 'account' : 'address';
      return { kind: 'wait', waitMs: Math.max(accountMs, addressMs), by, count };
    }
    const charge = { isKnown, isPaid: !isKnown || count > ACCOUNT_RULE.free };
    if (charge.isPaid) this.#charge(arrival, charge, 1);
    return { kind: 'go', charge };
  }

  settle(arrival: Pick<Arrival, 'account' | 'address'>, charge: Charge, outcome: Outcome): void {
    const isDue = outcome === 'wrong';
    if (isDue !== charge.isPaid) this.#charge(arrival, charge, isDue ? 1 : -1);
    if (outcome !== 'right') return;
    // Whoever mistyped at a new address has found the password: nothing of it hangs on to a known one.
    if (!charge.isKnown) this.#counts.forget(pair(arrival.account, arrival.address));
    this.#known.add(arrival.account, arrival.address);
  }

  #charge(
    { account, address }: Pick<Arrival, 'account' | 'address'>,
    { isKnown }: Charge,
    failures: 1 | -1,
  ): void {
    this.#counts.add(pair(account, address), failures);
    if (!isKnown) this.#counts.add(account, failures);
  }

  #mayWait(account: string, waitMs: number, max: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const waiting = this.#waiting.get(account)?.filter((untilMs) => untilMs > nowMs) ?? [];
    if (waiting.length >= max) return false;
    putNewest(this.#waiting, account, [...waiting, nowMs + waitMs], COUNTS_MAX);
    return true;
  }
}

/** Who is refused and yet looked at, being no guesser, waits the longest. */
function waitMsOf(verdict: Verdict): number {
  if (verdict.kind === 'go') return 0;
  return verdict.kind === 'wait' ? verdict.waitMs : ACCOUNT_RULE.waitMsMax;
}

function pair(account: string, address: string): string {
  return `${account} ${address}`;
}

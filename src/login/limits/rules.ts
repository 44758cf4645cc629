/**
 * How failed log-ins are held against what they are counted for: some are free, then each attempt waits twice as long as
 * the one before, up to a maximum, then attempts are refused. The count goes down with time, one failure every `decayMs`;
 * so what can be guessed in the long run is `decayMs` long each, however many are sent at once. An account makes an
 * exception of addresses that are new to it (account-limits.ts).
 */

export interface Rule {
  /** Failures that cost nothing: people mistype. */
  readonly free: number;
  /** The count goes down by one in this time. */
  readonly decayMs: number;
  /** What the first attempt that is not free waits; the next one twice as long. */
  readonly firstWaitMs: number;
  readonly waitMsMax: number;
  /** From this count on attempts are refused. */
  readonly refuseAt: number;
  /** It counts no further: after so long without a failure all is forgotten. */
  readonly countMax: number;
}

const WAIT_MS_MAX = 10_000;

/**
 * Of one account, by guesses from addresses that it was never logged in to from; and of an account from one address that
 * it was. 1,440 guesses a day from addresses that were seen to guess, an hour of refusals at most.
 */
export const ACCOUNT_RULE: Rule = {
  free: 5,
  decayMs: 60_000,
  firstWaitMs: 500,
  waitMsMax: WAIT_MS_MAX,
  refuseAt: 20,
  countMax: 80,
};

/** Of one address, over all accounts. Behind one there may be a thousand people: more is free, and successes pay back. */
export const ADDRESS_RULE: Rule = {
  free: 10,
  decayMs: 30_000,
  firstWaitMs: 250,
  waitMsMax: WAIT_MS_MAX,
  refuseAt: 40,
  countMax: 160,
};

export type Verdict =
  | { readonly kind: 'go' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'refuse' };

/** What a count means for the next attempt. */
export function verdictOf(rule: Rule, count: number): Verdict {
  if (count >= rule.refuseAt) return { kind: 'refuse' };
  // A count that has just begun to go down has not gone down by one yet.
  const beyond = Math.ceil(count) - rule.free;
  if (beyond < 0) return { kind: 'go' };
  return { kind: 'wait', waitMs: Math.min(rule.firstWaitMs * 2 ** beyond, rule.waitMsMax) };
}

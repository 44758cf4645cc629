/**
 * The addresses from which accounts were logged in to, the last few of each. In memory of the account's owner only: after
 * a move or a restart each costs one log-in that may have to wait, and nothing else. Only a right password adds to it, so
 * nobody else's guesses make it forget.
 */
import { putNewest } from '../put-newest.ts';

export const KNOWN_PER_ACCOUNT_MAX = 8;
export const KNOWN_ACCOUNTS_MAX = 50_000;

export class KnownAddresses {
  readonly #accountsMax: number;
  /** Longest unused first, of accounts and of the addresses of each. */
  readonly #addresses = new Map<string, readonly string[]>();

  constructor(accountsMax = KNOWN_ACCOUNTS_MAX) {
    this.#accountsMax = accountsMax;
  }

  has(account: string, address: string): boolean {
    return this.#addresses.get(account)?.includes(address) === true;
  }

  add(account: string, address: string): void {
    const others = this.#addresses.get(account)?.filter((each) => each !== address) ?? [];
    const newest = [...others, address].slice(-KNOWN_PER_ACCOUNT_MAX);
    putNewest(this.#addresses, account, newest, this.#accountsMax);
  }

  get accounts(): number {
    return this.#addresses.size;
  }
}

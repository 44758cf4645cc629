/** Where the controller is said to be, by supervisors that were asked, until it is heard itself. Pure. */
import type { Address } from '../../platform/platform.ts';
import { sameAddress } from '../addresses.ts';

export class Pointer {
  #at: { readonly to: Address; readonly controlEpoch: number } | undefined;

  get to(): Address | undefined {
    return this.#at?.to;
  }

  /**
   * Somebody points to it, by a control epoch that it has answered: of two the one that has answered the larger knows better,
   * and what is below `accepted` is known to be over. True when it is another place than before.
   */
  pointed(to: Address, controlEpoch: number, accepted: number): boolean {
    if (controlEpoch < Math.max(accepted, this.#at?.controlEpoch ?? 0)) return false;
    const isNew = this.#at === undefined || !sameAddress(this.#at.to, to);
    this.#at = { to, controlEpoch };
    return isNew;
  }

  /** It was heard. */
  clear(): void {
    this.#at = undefined;
  }
}

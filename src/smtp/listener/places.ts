/**
 * The places of a listener: how many connections there may be, and how many of them from one address. When all are taken,
 * the connection that has longest earned nothing makes room, after PATIENCE_MS: so idle strangers keep nobody out. A
 * place is earned by an accepted message and by a log-in; one whose message is being delivered stays.
 */
import { addressKey } from '../../login/limits/address-key.ts';
import type { Clock } from '../../platform/platform.ts';
import { PATIENCE_MS } from '../limits.ts';

export interface Occupant {
  readonly remoteHost: string;
  /** What its client would lose: nothing, a transaction that it would begin again, or the answer to a message. */
  readonly hold: 'idle' | 'in-transaction' | 'answering';
  /** Says why and closes. */
  makeRoom(): void;
}

export interface PlacesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly connectionsMax: number;
  readonly perAddressMax: number;
  /** Whose address is not that of one client: balancers, this machine itself. */
  readonly isManyClients: (host: string) => boolean;
}

export class Places {
  readonly #options: PlacesOptions;
  /** When each has earned its place; longest ago first. */
  readonly #earnedMs = new Map<Occupant, number>();
  /** Of addresses that have a limit. */
  readonly #perAddress = new Map<string, number>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** Takes a place, or tells why there is none. */
  take(occupant: Occupant): 'taken' | 'full' | 'address-full' {
    const { clock, connectionsMax, perAddressMax } = this.#options;
    const key = this.#keyOf(occupant);
    const ofAddress = key === undefined ? 0 : (this.#perAddress.get(key) ?? 0);
    if (ofAddress >= perAddressMax) return 'address-full';
    if (this.#earnedMs.size >= connectionsMax && !this.#makeRoom()) return 'full';
    this.#earnedMs.set(occupant, clock.monotonicMs());
    if (key !== undefined) this.#perAddress.set(key, ofAddress + 1);
    return 'taken';
  }

  earned(occupant: Occupant): void {
    if (this.#earnedMs.delete(occupant)) this.#earnedMs.set(occupant, this.#options.clock.monotonicMs());
  }

  /** Nothing happens when it has none. */
  leave(occupant: Occupant): void {
    if (!this.#earnedMs.delete(occupant)) return;
    const key = this.#keyOf(occupant);
    if (key === undefined) return;
    const left = (this.#perAddress.get(key) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(key, left);
    else this.#perAddress.delete(key);
  }

  #makeRoom(): boolean {
    const patientMs = this.#options.clock.monotonicMs() - PATIENCE_MS;
    let inTransaction: Occupant | undefined;
    for (const [occupant, earnedMs] of this.#earnedMs) {
      if (earnedMs > patientMs) break;
      if (occupant.hold === 'idle') return this.#evict(occupant);
      if (occupant.hold === 'in-transaction') inTransaction ??= occupant;
    }
    // MAIL alone is no work: whoever says it and waits must not be safe from this.
    return inTransaction !== undefined && this.#evict(inTransaction);
  }

  #evict(occupant: Occupant): true {
    this.leave(occupant);
    occupant.makeRoom();
    return true;
  }

  #keyOf({ remoteHost }: Occupant): string | undefined {
    return this.#options.isManyClients(remoteHost) ? undefined : addressKey(remoteHost);
  }
}

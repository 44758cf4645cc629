/**
 * ENVELOPEs as they were answered, in the memory of the owner: a client that lists a mailbox asks for all of them again at
 * each start. The content behind an EMAILID never changes, so nothing here is ever wrong; it is only forgotten: what was
 * not asked for while another half of the limit came in.
 */
import type { Account as StoredAccount } from '../../store/account/types.ts';
import type { Piece } from '../codec/write.ts';

/** Of one open account, as one kind of session is answered. */
export interface EnvelopeCache {
  get(emailId: string): Piece | undefined;
  /** A Buffer is the cache's from then on, and should be a view of nothing larger. */
  set(emailId: string, envelope: Piece): void;
}

/** Octets of envelopes that one worker keeps, of all accounts. */
export const ENVELOPES_OCTETS_MAX = 32 * 2 ** 20;
/** What an entry costs beside its octets: key, head of the string, place in the map. */
export const ENTRY_OCTETS = 200;

type Account = Pick<StoredAccount, 'gone'>;

export class Envelopes {
  readonly #octetsMax: number;
  /** Caches of an account: strings are written in another way after ENABLE UTF8=ACCEPT. */
  readonly #caches = new WeakMap<Account, { readonly plain: Halves; readonly utf8: Halves }>();
  /** Those that hold something. */
  readonly #filled = new Set<Halves>();
  /** Kept since the last time that half the limit was reached. */
  #octets = 0;

  constructor(octetsMax = ENVELOPES_OCTETS_MAX) {
    this.#octetsMax = octetsMax;
  }

  of(account: Account, utf8: boolean): EnvelopeCache {
    let caches = this.#caches.get(account);
    if (caches === undefined) {
      const kept = (by: Halves, octets: number): void => this.#kept(by, octets);
      caches = { plain: new Halves(kept), utf8: new Halves(kept) };
      this.#caches.set(account, caches);
    }
    return utf8 ? caches.utf8 : caches.plain;
  }

  #kept(by: Halves, octets: number): void {
    this.#filled.add(by);
    this.#octets += octets;
    if (this.#octets < this.#octetsMax / 2) return;
    this.#octets = 0;
    for (const halves of this.#filled) if (!halves.age()) this.#filled.delete(halves);
  }
}

/** What was kept or asked for since the last `age`, and what was before that and not since. */
class Halves implements EnvelopeCache {
  readonly #kept: (by: Halves, octets: number) => void;
  #recent = new Map<string, Piece>();
  #earlier = new Map<string, Piece>();

  constructor(kept: (by: Halves, octets: number) => void) {
    this.#kept = kept;
  }

  get(emailId: string): Piece | undefined {
    const recent = this.#recent.get(emailId);
    if (recent !== undefined) return recent;
    const earlier = this.#earlier.get(emailId);
    if (earlier !== undefined) this.set(emailId, earlier);
    return earlier;
  }

  set(emailId: string, envelope: Piece): void {
    this.#recent.set(emailId, envelope);
    this.#kept(this, envelope.length + ENTRY_OCTETS);
  }

  /** False when nothing is left. */
  age(): boolean {
    this.#earlier = this.#recent;
    this.#recent = new Map();
    return this.#earlier.size > 0;
  }
}

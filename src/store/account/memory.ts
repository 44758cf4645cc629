/**
 * About how much of a worker's memory an open account takes, by what there is of each kind. A sum of counters: it is asked
 * for after every use of an account, so that the host knows which to close (host.ts).
 */
import type { AccountState } from './state.ts';

/** An open account without anything in it: its log, its handles, its tables. */
const ACCOUNT_OCTETS = 16 * 1024;
/** Columns have up to twice the room that their rows need (columns.ts, blobs.ts). */
const MESSAGE_OCTETS = 48;
const BLOB_OCTETS = 48;
const MAILBOX_OCTETS = 1024;
const EXPUNGED_OCTETS = 24;
/** A property or an outcome besides its octets. */
const ENTRY_OCTETS = 128;

export function memoryOctets(state: AccountState): number {
  const { blobs, transactions, properties, propertyOctets } = state;
  let octets =
    ACCOUNT_OCTETS +
    blobs.messages * MESSAGE_OCTETS +
    blobs.count * BLOB_OCTETS +
    (transactions.count + properties.size) * ENTRY_OCTETS +
    transactions.octets +
    propertyOctets;
  for (const { expunged, keywords } of state.mailboxes.values())
    octets += MAILBOX_OCTETS + expunged.count * EXPUNGED_OCTETS + keywords.octets;
  return octets;
}

/** After so many changes the mailboxes are summed again. */
const STALE_AFTER_CHANGES = 64;

/** The same, worked out again only when enough has changed: an account may have ten thousand mailboxes. */
export class MemoryGauge {
  readonly #state: AccountState;
  #octets: number;
  #modseq: number;

  constructor(state: AccountState) {
    this.#state = state;
    this.#octets = memoryOctets(state);
    this.#modseq = state.modseq;
  }

  get octets(): number {
    const { modseq } = this.#state;
    if (modseq - this.#modseq >= STALE_AFTER_CHANGES) {
      this.#octets = memoryOctets(this.#state);
      this.#modseq = modseq;
    }
    return this.#octets;
  }
}

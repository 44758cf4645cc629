/**
 * What a connection has taken in of calls, answers and notices: returns credit, in large steps, as octets come; holds it
 * back while handlers have too much in their hands; sees when the peer takes more than it was given.
 */
import { FrameType } from './frame.ts';
import type { BusLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { Share } from './shares.ts';

export class Inflow {
  readonly #limits: BusLimits;
  readonly #outbox: Outbox;
  /** Of the member at the other end; undefined where nobody is proven. */
  readonly #share: Share | undefined;
  readonly #wake = (): void => this.#return();
  /** Octets received and not yet returned as credit. */
  #owed = 0;
  #begun = 0;
  #held = 0;

  constructor(limits: BusLimits, outbox: Outbox, share?: Share) {
    this.#limits = limits;
    this.#outbox = outbox;
    this.#share = share;
  }

  /** Octets of a frame within the credit came. A reason when the peer had none left. */
  received(octets: number): string | undefined {
    this.#owed += octets;
    // The last frame may overdraw: the sender looks whether there is credit, not how much.
    if (this.#owed > this.#limits.connectionCredit + this.#limits.frameOctetsMax)
      return 'more than the credit';
    this.#return();
    return undefined;
  }

  /** The whole length of messages begun and not finished changed. A reason when it is too much. */
  begun(change: number): string | undefined {
    this.#begun += change;
    if (this.#share?.begun(change) === false) return 'too many large messages of this member at once';
    return this.#begun > this.#limits.begunOctetsMax ? 'too many large messages at once' : undefined;
  }

  /** Octets that a handler holds (or let go) changed. */
  held(change: number): void {
    this.#held += change;
    this.#share?.heldByCalls(change);
    if (change < 0) this.#return();
  }

  /** The connection is over; what handlers hold they let go later. */
  closed(): void {
    this.#share?.begun(-this.#begun);
    this.#begun = 0;
    this.#share?.noLonger(this.#wake);
  }

  #return(): void {
    if (this.#owed < this.#limits.connectionCredit / 4 || this.#held > this.#limits.heldCallOctetsMax) return;
    if (this.#share?.isFull === true) return this.#share.whenRoom(this.#wake);
    this.#outbox.control(FrameType.credit, 0, creditPayload(this.#owed));
    this.#owed = 0;
  }
}

export function creditPayload(octets: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(octets, 0);
  return payload;
}

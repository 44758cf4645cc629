/**
 * What one member has of this process over all connections with it. The limits of a connection would not bound who has
 * many: one member that was broken into must not take the places of the others, nor the memory. Known by certificates; on a
 * bus without them nobody is told from another, and only the limits of connections hold.
 */
import type { BusLimits } from './limits.ts';

export type ShareLimits = Pick<
  BusLimits,
  'memberConnectionsMax' | 'memberBegunOctetsMax' | 'memberHeldCallOctetsMax' | 'memberHeldStreamOctetsMax'
>;

/** Of all members that have a connection now. */
export class Shares {
  readonly #limits: ShareLimits;
  readonly #shares = new Map<string, Share>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** Each connection takes it once, and gives it back once by `Share.left`. `member`: '' for whom no certificate names. */
  enter(member: string): Share {
    const share = this.#shares.get(member) ?? new Share(this.#limits, () => this.#shares.delete(member));
    this.#shares.set(member, share);
    share.entered();
    return share;
  }

  /** Connections that this member made to us and that stand. */
  accepted(member: string): number {
    return this.#shares.get(member)?.accepted ?? 0;
  }

  /** Members with a connection. */
  get size(): number {
    return this.#shares.size;
  }
}

export class Share {
  readonly #limits: ShareLimits;
  readonly #empty: () => void;
  #connections = 0;
  #begun = 0;
  #heldByCalls = 0;
  #heldByStreams = 0;
  /** Told when calls hold less than the limit again. */
  readonly #waiting = new Set<() => void>();
  /** Connections that the member made to us. */
  accepted = 0;

  constructor(limits: ShareLimits, empty: () => void) {
    this.#limits = limits;
    this.#empty = empty;
  }

  entered(): void {
    this.#connections++;
  }

  left(): void {
    this.#connections--;
    this.#forgetIfEmpty();
  }

  /** The whole length of messages begun and not finished changed. False when it is too much. */
  begun(change: number): boolean {
    this.#begun += change;
    return change <= 0 || this.#begun <= this.#limits.memberBegunOctetsMax;
  }

  /** Octets of messages that wait for the consumers of streams changed. False when it is too much. */
  heldByStreams(change: number): boolean {
    this.#heldByStreams += change;
    return change <= 0 || this.#heldByStreams <= this.#limits.memberHeldStreamOctetsMax;
  }

  /** Octets in the hands of handlers of calls changed. */
  heldByCalls(change: number): void {
    this.#heldByCalls += change;
    this.#forgetIfEmpty();
    if (change >= 0 || this.isFull) return;
    for (const wake of Array.from(this.#waiting)) {
      this.#waiting.delete(wake);
      wake();
    }
  }

  /** Nobody of this member is given more credit for calls. */
  get isFull(): boolean {
    return this.#heldByCalls > this.#limits.memberHeldCallOctetsMax;
  }

  /** Called once when `isFull` ends; the same function waits once. */
  whenRoom(wake: () => void): void {
    this.#waiting.add(wake);
  }

  noLonger(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  /** Handlers go on when their connection is gone: who comes back has what they hold. */
  #forgetIfEmpty(): void {
    if (this.#connections === 0 && this.#heldByCalls === 0) this.#empty();
  }
}

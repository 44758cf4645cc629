/**
 * At most so many calls of one mount in flight, the others first come, first served. A call into a mount whose server is
 * gone holds a thread of libuv's pool until the server is back; with a gate per mount it holds its share and no more
 * (shared facts: NFS, section 4).
 */
export class Gate {
  readonly #inFlightMax: number;
  readonly #waitingMax: number;
  #inFlight = 0;
  #waiting: (() => void)[] = [];
  #nextWaiting = 0;

  constructor(inFlightMax: number, waitingMax: number) {
    if (!Number.isSafeInteger(inFlightMax) || inFlightMax < 1)
      throw new RangeError(`a mount needs at least one call in flight, not ${inFlightMax}`);
    this.#inFlightMax = inFlightMax;
    this.#waitingMax = waitingMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.length - this.#nextWaiting;
  }

  /** Runs `act` when its turn comes. Rejects with EAGAIN, and nothing done, when too many wait already. */
  async run<T>(act: () => Promise<T>): Promise<T> {
    if (this.#inFlight < this.#inFlightMax) this.#inFlight++;
    else await this.#turn();
    try {
      return await act();
    } finally {
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    if (this.waiting >= this.#waitingMax) {
      const error: NodeJS.ErrnoException = new Error(`EAGAIN: ${this.waiting} file calls wait already`);
      error.code = 'EAGAIN';
      return Promise.reject(error);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place on to who waits longest, so that nobody who comes later can take it. */
  #leave(): void {
    const next = this.#waiting[this.#nextWaiting];
    if (next === undefined) {
      this.#inFlight--;
      return;
    }
    this.#nextWaiting++;
    if (this.#nextWaiting === this.#waiting.length || this.#nextWaiting > COMPACT_AFTER) {
      this.#waiting = this.#waiting.slice(this.#nextWaiting);
      this.#nextWaiting = 0;
    }
    next();
  }
}

/** A queue's read end is moved; the array is cut when so many places before it are empty. */
const COMPACT_AFTER = 1024;

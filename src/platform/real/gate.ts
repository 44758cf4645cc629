/**
 * At most so many calls of one mount in flight, the others in two lines, each first come, first served. A call into a
 * mount whose server is gone holds a thread of libuv's pool until the server is back; with a gate per mount it holds its
 * share and no more (shared facts: NFS, section 4). What somebody waits for who holds a lease (a commit, a fence, the
 * probe of the storage) is urgent: a crowd of accounts being opened after a take-over must not look like a dead storage.
 */
import { systemError } from './errors.ts';

export type Lane = 'urgent' | 'usual';

export class Gate {
  readonly #inFlightMax: number;
  readonly #waitingMax: number;
  /** So many places usual calls never take. */
  readonly #reserved: number;
  readonly #inFlight = { urgent: 0, usual: 0 };
  readonly #lines = { urgent: new Line(), usual: new Line() };

  constructor(inFlightMax: number, waitingMax: number, reserved = 0) {
    if (!Number.isSafeInteger(inFlightMax) || inFlightMax < 1)
      throw new RangeError(`a mount needs at least one call in flight, not ${inFlightMax}`);
    if (!Number.isSafeInteger(reserved) || reserved < 0 || reserved >= inFlightMax)
      throw new RangeError(`of ${inFlightMax} calls in flight ${reserved} cannot be kept for the urgent`);
    this.#inFlightMax = inFlightMax;
    this.#waitingMax = waitingMax;
    this.#reserved = reserved;
  }

  get inFlight(): number {
    return this.#inFlight.urgent + this.#inFlight.usual;
  }

  get waiting(): number {
    return this.#lines.urgent.length + this.#lines.usual.length;
  }

  /** Runs `act` when its turn comes. Rejects with EAGAIN, and nothing done, when too many wait already. */
  async run<T>(act: () => Promise<T>, lane: Lane = 'usual'): Promise<T> {
    if (this.#lines[lane].length === 0 && this.#hasRoom(lane)) this.#inFlight[lane]++;
    else await this.#turn(lane);
    try {
      return await act();
    } finally {
      this.#inFlight[lane]--;
      this.#admit();
    }
  }

  #turn(lane: Lane): Promise<void> {
    if (this.waiting >= this.#waitingMax)
      return Promise.reject(systemError('EAGAIN', `${this.waiting} file calls wait already`));
    return new Promise((resolve) => this.#lines[lane].push(resolve));
  }

  #hasRoom(lane: Lane): boolean {
    if (this.inFlight >= this.#inFlightMax) return false;
    return lane === 'urgent' || this.#inFlight.usual < this.#inFlightMax - this.#reserved;
  }

  /** A place is free: who may have it gets it here and now, so that nobody who comes later can take it. */
  #admit(): void {
    const lane = this.#next();
    if (lane === undefined) return;
    this.#inFlight[lane]++;
    this.#lines[lane].shift()?.();
  }

  /** The urgent first, but where both wait, half of the places are the usual ones': no storm of commits stops all reading. */
  #next(): Lane | undefined {
    const { urgent, usual } = this.#lines;
    const isUsualDue = usual.length > 0 && this.#hasRoom('usual');
    if (urgent.length === 0) return isUsualDue ? 'usual' : undefined;
    return isUsualDue && this.#inFlight.usual < Math.floor(this.#inFlightMax / 2) ? 'usual' : 'urgent';
  }
}

/** A queue's read end is moved; the array is cut when so many places before it are empty. */
const COMPACT_AFTER = 1024;

/** First come, first served. */
class Line {
  #waiting: (() => void)[] = [];
  #next = 0;

  get length(): number {
    return this.#waiting.length - this.#next;
  }

  push(admit: () => void): void {
    this.#waiting.push(admit);
  }

  shift(): (() => void) | undefined {
    const first = this.#waiting[this.#next];
    if (first === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#waiting.length || this.#next > COMPACT_AFTER) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    return first;
  }
}

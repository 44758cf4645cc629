/**
 * Bounds the hashing: so many at a time, so many waiting, the rest refused at once, so that a flood costs a flood. The
 * waiting are served by turns among salts, which is to say among accounts, and when too many wait those of the busiest
 * salt go first: guesses at one account keep nobody else out.
 */
import { Failure } from '../lib/failure.ts';
import type { PasswordHasher } from './credentials.ts';

export interface HashQueueLimits {
  readonly atOnce: number;
  /** Beyond it the answer is Failure 'limit'. At 20 ms each, these wait about two seconds. */
  readonly waitingMax: number;
}

export const HASH_QUEUE_LIMITS: HashQueueLimits = { atOnce: 2, waitingMax: 200 };

interface Waiting {
  readonly start: () => void;
  readonly refuse: () => void;
}

export class HashQueue implements PasswordHasher {
  readonly #hasher: PasswordHasher;
  readonly #limits: HashQueueLimits;
  /** By salt, the one served longest ago first; none is empty. */
  readonly #lanes = new Map<string, Waiting[]>();
  #waiting = 0;
  #running = 0;

  constructor(hasher: PasswordHasher, limits: HashQueueLimits = HASH_QUEUE_LIMITS) {
    this.#hasher = hasher;
    this.#limits = limits;
  }

  argon2id(...args: Parameters<PasswordHasher['argon2id']>): Promise<Buffer> {
    return this.#inTurn(args[1], () => this.#hasher.argon2id(...args));
  }

  pbkdf2(...args: Parameters<PasswordHasher['pbkdf2']>): Promise<Buffer> {
    return this.#inTurn(args[1], () => this.#hasher.pbkdf2(...args));
  }

  async #inTurn(salt: Buffer, work: () => Promise<Buffer>): Promise<Buffer> {
    if (this.#running < this.#limits.atOnce) this.#running++;
    // Who is woken takes over the place of the one that ended.
    else await this.#turn(salt.toString('base64'));
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #turn(salt: string): Promise<void> {
    const length = this.#lanes.get(salt)?.length ?? 0;
    if (this.#waiting >= this.#limits.waitingMax && !this.#dropFromLongerThan(length))
      return Promise.reject(tooMany());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Looked up again: making room may have emptied it.
    const lane = this.#lanes.get(salt) ?? [];
    lane.push({ start: resolve, refuse: () => reject(tooMany()) });
    this.#lanes.set(salt, lane);
    this.#waiting++;
    return promise;
  }

  /** Refuses the last of the longest lane, if that is longer than the newcomer's would be. */
  #dropFromLongerThan(length: number): boolean {
    let longest: Waiting[] = [];
    for (const lane of this.#lanes.values()) if (lane.length > longest.length) longest = lane;
    if (longest.length <= length + 1) return false;
    this.#waiting--;
    longest.pop()!.refuse();
    return true;
  }

  #next(): void {
    for (const [salt, lane] of this.#lanes) {
      const next = lane.shift();
      // Behind all others, if more of it wait.
      this.#lanes.delete(salt);
      if (lane.length > 0) this.#lanes.set(salt, lane);
      if (next === undefined) continue;
      this.#waiting--;
      next.start();
      return;
    }
    this.#running--;
  }
}

function tooMany(): Failure {
  return new Failure('limit', 'too many log-ins wait to be checked');
}

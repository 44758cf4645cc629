/** Bounds the hashing: so many at a time, so many waiting, the rest refused at once, so that a flood costs a flood. */
import { Failure } from '../lib/failure.ts';
import type { PasswordHasher } from './credentials.ts';

export interface HashQueueLimits {
  readonly atOnce: number;
  /** Beyond it the answer is Failure 'limit'. At 20 ms each, these wait about two seconds. */
  readonly waitingMax: number;
}

export const HASH_QUEUE_LIMITS: HashQueueLimits = { atOnce: 2, waitingMax: 200 };

export class HashQueue implements PasswordHasher {
  readonly #hasher: PasswordHasher;
  readonly #limits: HashQueueLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(hasher: PasswordHasher, limits: HashQueueLimits = HASH_QUEUE_LIMITS) {
    this.#hasher = hasher;
    this.#limits = limits;
  }

  argon2id(...args: Parameters<PasswordHasher['argon2id']>): Promise<Buffer> {
    return this.#inTurn(() => this.#hasher.argon2id(...args));
  }

  pbkdf2(...args: Parameters<PasswordHasher['pbkdf2']>): Promise<Buffer> {
    return this.#inTurn(() => this.#hasher.pbkdf2(...args));
  }

  async #inTurn(work: () => Promise<Buffer>): Promise<Buffer> {
    if (this.#running >= this.#limits.atOnce) {
      if (this.#waiting.length >= this.#limits.waitingMax)
        throw new Failure('limit', 'too many log-ins wait to be checked');
      // Who is woken takes over the place of the one that ended.
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

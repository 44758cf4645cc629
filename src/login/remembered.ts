/**
 * Verified log-ins, remembered in memory only as a MAC under a key of this process over who, which credentials record
 * and which password: a changed record never matches again, and the table is useless to who reads it elsewhere.
 */
import { createHmac } from 'node:crypto';
import type { Random } from '../platform/platform.ts';
import { putNewest } from './put-newest.ts';

/** Log-ins remembered; the longest unused goes first. 32 octets and a place in a Map each. */
export const REMEMBERED_MAX = 100_000;
const KEY_OCTETS = 32;

export class RememberedLogins {
  readonly #key: Buffer;
  readonly #max: number;
  readonly #macs = new Map<string, true>();

  constructor(random: Random, max = REMEMBERED_MAX) {
    this.#key = random.bytes(KEY_OCTETS);
    this.#max = max;
  }

  has(who: string, record: Buffer, password: string): boolean {
    const mac = this.#mac(who, record, password);
    const isThere = this.#macs.has(mac);
    if (isThere) putNewest(this.#macs, mac, true, this.#max);
    return isThere;
  }

  add(who: string, record: Buffer, password: string): void {
    putNewest(this.#macs, this.#mac(who, record, password), true, this.#max);
  }

  get size(): number {
    return this.#macs.size;
  }

  #mac(who: string, record: Buffer, password: string): string {
    const mac = createHmac('sha256', this.#key);
    // Lengths keep the three apart.
    for (const part of [Buffer.from(who), record, Buffer.from(password)])
      mac.update(`${part.length}:`).update(part);
    return mac.digest('base64');
  }
}

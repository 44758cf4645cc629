/**
 * Rule 3 (docs/architecture.md, section 3): after each sync, before anything is shown, the lease under which the file was
 * created is looked at; with `StorageFence` the directory is listed too, which covers machines whose clock stood still:
 * a taker creates its file before it reads ours, so what we synced before a listing that shows no new file is what it
 * reads.
 *
 * A taker that found a close record created nothing, though, and no listing tells of it. So the first batch behind a
 * close record asks for a renewal instead, which is the stronger proof.
 */
import type { Logger } from '../../lib/logging.ts';
import type { Fs } from '../../platform/platform.ts';
import { inspectFile } from './inspect.ts';
import { listNumbers } from './listing.ts';
import { fileName } from './names.ts';
import type { Lease } from './types.ts';

export interface FenceOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly object: string;
  readonly lease: Lease;
  readonly logger: Logger;
  /** `StorageFence`: list the directory after each sync. */
  readonly listing: boolean;
}

export class Fence {
  readonly #options: FenceOptions;
  /** Created by this incarnation, listed by it, of a smaller epoch, or acquitted by a renewal. */
  readonly #cleared = new Set<number>();

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  clear(numbers: Iterable<number>): void {
    for (const number of numbers) this.#cleared.add(number);
  }

  /** Whether what was synced before this call may be shown. Rejects when the storage gives no answer. */
  async passes(behindClose: boolean): Promise<boolean> {
    const { lease, listing } = this.#options;
    if (!lease.held()) return false;
    if (!listing) return true;
    if (behindClose) return (await lease.confirm()) && lease.held();
    const unclear = await this.#unclear();
    if (unclear === 'larger') return false;
    if (unclear.length > 0) {
      if (!(await lease.confirm())) return false;
      // Confirmed after they were there: whoever created them had no newer grant, and each file has one writer.
      this.clear(unclear);
      const again = await this.#unclear();
      if (again === 'larger' || again.length > 0) return false;
    }
    return lease.held();
  }

  /** Numbers that may be a newer owner's; 'larger' when one certainly is. */
  async #unclear(): Promise<readonly number[] | 'larger'> {
    const { fs, directory, object, lease, logger } = this.#options;
    const numbers = await listNumbers(fs, directory, false);
    const unclear: number[] = [];
    for (const number of numbers) {
      if (this.#cleared.has(number)) continue;
      const file = await inspectFile(fs, directory, number);
      if (file.kind !== 'whole') {
        unclear.push(number);
        continue;
      }
      const { epoch } = file.first;
      if (file.first.object !== object || epoch < lease.epoch) {
        this.#cleared.add(number);
        continue;
      }
      logger.warn(
        { object, file: `${directory}/${fileName(number)}`, epoch },
        'a newer owner has this object',
      );
      lease.reportLargerEpoch(epoch);
      return 'larger';
    }
    return unclear;
  }
}
